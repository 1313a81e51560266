//! Mails count for who has them sent and for who gets them.

use cache::Ruling;
use common::types::caller::Principal;
use common::types::mail::MailAddress;
use runtime::http::ApiError;

use super::policy::Quota;
use super::{Limit, Limits, bucket};

/// One mail of a limit, which can be given back.
struct Token {
    bucket: String,
    quota: Quota,
    ruling: Ruling,
}

impl Limits {
    /// Takes one mail from the limits of its sender and of its recipient, or from neither: an
    /// address that gets too much costs its sender no mail to others.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn take_mail(&self, sender: &Principal, to: &MailAddress) -> Result<(), ApiError> {
        let name = sender.to_string();
        let of_sender = self.take_token(Limit::Mails, &name, &name).await?;
        let of_recipient = self.take_token(Limit::MailsToRecipient, to.as_str(), &name);
        if let Err(refused) = of_recipient.await {
            self.give_token_back(of_sender).await;
            return Err(refused);
        }
        Ok(())
    }

    async fn take_token(
        &self,
        limit: Limit,
        subject: &str,
        sender: &str,
    ) -> Result<Token, ApiError> {
        let granted = self.granted.of(limit, subject);
        let granted = granted.or_else(|| self.granted.of(limit, sender));
        let quota = Quota::configured(limit, &self.config).or(granted);
        let bucket = bucket(limit, subject);
        let ruling = self.limiter.take(&bucket, quota.rule()).await;
        self.tell(limit, quota, ruling)?;
        Ok(Token {
            bucket,
            quota,
            ruling,
        })
    }

    async fn give_token_back(&self, token: Token) {
        let rule = token.quota.rule();
        self.limiter
            .give_back(&token.bucket, rule, token.ruling)
            .await;
    }
}
