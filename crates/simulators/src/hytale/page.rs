//! The page on which a human types the code and says yes or no.

use std::fmt::Write as _;

use super::{
    form::{Asked, Form},
    journal::Note,
    reply::Reply,
    world::World,
};

impl World {
    pub(super) fn verify(&mut self, asked: &Asked, note: &mut Note) -> Reply {
        if asked.method == "GET" {
            return self.ask(&Form::parse(asked.query.as_bytes()));
        }
        let form = asked.form();
        let Some(code) = form.get("user_code") else {
            note.refused = Some("no user code".to_owned());
            return Reply::html(400, "<p>Which code?</p>");
        };
        let account = self.account(form.get("account"));
        let account = account.map(|account| account.name.clone());
        let denied = form.get("decision") == Some("deny");
        let decided = match (&account, denied) {
            (_, true) => self.devices.decide(Some(code), None, self.clock.now()),
            (Some(account), false) => {
                self.devices
                    .decide(Some(code), Some(account), self.clock.now())
            }
            (None, false) => false,
        };
        note.account = account;
        if decided {
            let said = if denied { "denied" } else { "approved" };
            Reply::html(
                200,
                &format!("<p>The device is {said}. You may close this page.</p>"),
            )
        } else {
            note.refused = Some("no such code or account".to_owned());
            Reply::html(
                400,
                "<p>This code is not known, used, or its time is over.</p>",
            )
        }
    }

    fn ask(&self, query: &Form) -> Reply {
        let code = escaped(query.get("user_code").unwrap_or_default());
        let mut accounts = String::new();
        for account in &self.accounts {
            let name = escaped(&account.name);
            // Writing to a string does not fail.
            let _ = write!(accounts, "<option value=\"{name}\">{name}</option>");
        }
        Reply::html(
            200,
            &format!(
                "<h1>Connect a device</h1><form method=\"post\">\
                 <p><label>Code <input name=\"user_code\" value=\"{code}\"></label></p>\
                 <p><label>Account <select name=\"account\">{accounts}</select></label></p>\
                 <p><button name=\"decision\" value=\"approve\">Approve</button> \
                 <button name=\"decision\" value=\"deny\">Deny</button></p></form>"
            ),
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
