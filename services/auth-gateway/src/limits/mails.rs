//! Mails count for who has them sent and for who gets them.

use common::types::caller::Principal;
use common::types::mail::MailAddress;
use runtime::http::ApiError;

use super::policy::Quota;
use super::{Limit, Limits, bucket};

impl Limits {
    /// Takes one mail from the limits of its sender and of its recipient, or from neither: an
    /// address that gets too much costs its sender no mail to others.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn take_mail(&self, sender: &Principal, to: &MailAddress) -> Result<(), ApiError> {
        let name = sender.to_string();
        let granted = self.granted.of(Limit::Mails, &name);
        let quota = Quota::configured(Limit::Mails, &self.config).or(granted);
        let of_sender = bucket(Limit::Mails, &name);
        let ruling = self.limiter.take(&of_sender, quota.rule()).await;
        self.tell(Limit::Mails, quota, ruling)?;
        let taken = self
            .take(Limit::MailsToRecipient, to.as_str(), Some(sender))
            .await;
        if taken.is_err() {
            self.limiter
                .give_back(&of_sender, quota.rule(), ruling)
                .await;
        }
        taken
    }
}
