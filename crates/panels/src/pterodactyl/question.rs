//! What is asked: a path made of numbers, a query, and what the key must be
//! allowed to read.

use common::seams::PanelApi;
use common::types::panel::PageRequest;
use url::Url;
use uuid::Uuid;

use crate::error::PanelError;

/// One GET, not yet bound to a panel.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Which API, and with it which key and budget.
    pub(super) api: PanelApi,
    /// The resource as the panel's page of API keys calls it.
    pub(super) permission: &'static str,
    /// Whether it asks for a page, which can be cut down when it takes too long.
    page: bool,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
}

impl Question {
    /// A path under the Application API. Only numbers may be added to it: the
    /// panel casts ids like its database does, so that `4deadbeef` is server 4.
    pub(super) fn application(permission: &'static str) -> Self {
        Self {
            api: PanelApi::Application,
            permission,
            path: vec!["api".into(), "application".into()],
            query: Vec::new(),
            page: false,
        }
    }

    /// A path under the Client API, which compares uuids whole.
    pub(super) fn client_server(server: Uuid) -> Self {
        Self {
            api: PanelApi::Client,
            permission: "client",
            path: vec![
                "api".into(),
                "client".into(),
                "servers".into(),
                server.to_string(),
            ],
            query: Vec::new(),
            page: false,
        }
    }

    /// Appends a fixed path segment.
    pub(super) fn segment(mut self, segment: &'static str) -> Self {
        self.path.push(segment.into());
        self
    }

    /// Appends an id.
    pub(super) fn id(mut self, id: i64) -> Self {
        self.path.push(id.to_string());
        self
    }

    /// Appends a query parameter.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Appends `include`, unless nothing is to be included.
    pub(super) fn include(self, relations: &[&str]) -> Self {
        if relations.is_empty() {
            self
        } else {
            self.with("include", relations.join(","))
        }
    }

    /// Asks for one page of a listing.
    pub(super) fn page(mut self, page: PageRequest) -> Self {
        self.page = true;
        self.with("per_page", page.size.to_string())
            .with("page", page.number.to_string())
    }

    /// Whether asking the same again may help. A page that came too late would
    /// come too late again; live use does not wait for a node that is away.
    pub(super) fn may_be_repeated_after(&self, error: &PanelError) -> bool {
        match error {
            PanelError::Offline { .. } | PanelError::Malformed(_) => true,
            PanelError::Timeout { .. } => !self.page && self.api == PanelApi::Application,
            _ => false,
        }
    }

    /// The path alone, for logs.
    pub(super) fn path(&self) -> String {
        self.path.join("/")
    }

    /// The whole address on the panel at `base`.
    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        // `base` was checked to have path segments when the client was made.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}
