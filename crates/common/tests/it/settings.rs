//! `docs/SETTINGS.md` says what the registry says.

use common::types::setting;
use std::path::Path;

#[test]
fn the_committed_reference_of_settings_is_up_to_date() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SETTINGS.md");
    if std::env::var_os("NODEBYTE_WRITE_DOCS").is_some() {
        std::fs::write(&file, setting::reference()).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == setting::reference(),
        "write docs/SETTINGS.md anew: NODEBYTE_WRITE_DOCS=1 cargo test -p common reference"
    );
}
