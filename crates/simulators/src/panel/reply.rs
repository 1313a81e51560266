//! An answer before it is sent, and the panel's error bodies.

use actix_web::http::StatusCode;
use serde::Serialize;

use super::limits::Standing;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Media type of the body.
    pub content_type: &'static str,
    /// Headers beside it.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// The detail of every 500 that is not in debug mode.
const UNEXPECTED: &str =
    "An unexpected error was encountered while processing this request, please try again.";
/// The detail of a row that is not there.
const NOT_FOUND: &str = "The requested resource could not be found on the server.";

#[derive(Serialize)]
struct ErrorBody<'a> {
    errors: [ErrorEntry<'a>; 1],
}

#[derive(Serialize)]
struct ErrorEntry<'a> {
    code: &'a str,
    status: String,
    detail: &'a str,
}

impl Reply {
    /// A JSON answer.
    pub fn json(body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self {
                status: StatusCode::OK,
                content_type: "application/json",
                headers: Vec::new(),
                body,
            },
            Err(error) => Self::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "JsonException",
                &error.to_string(),
            ),
        }
    }

    /// An HTML page.
    pub fn html(status: StatusCode, title: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><title>{title}</title></head><body>{title}</body></html>\n"
        );
        Self {
            status,
            content_type: "text/html; charset=utf-8",
            headers: Vec::new(),
            body: body.into_bytes(),
        }
    }

    /// The redirect that browsers without a session get.
    pub fn login_redirect(host: &str) -> Self {
        let mut reply = Self::html(StatusCode::FOUND, "Redirecting to the login page");
        reply
            .headers
            .push(("Location", format!("http://{host}/auth/login")));
        reply
    }

    /// Where Cloudflare Access sends those whom it does not let pass.
    pub fn access_redirect() -> Self {
        let mut reply = Self::html(StatusCode::FOUND, "Sign in");
        let address = "https://team.cloudflareaccess.com/cdn-cgi/access/login/panel.test";
        reply.headers.push(("Location", address.to_owned()));
        reply
    }

    /// The panel's JSON error.
    pub fn error(status: StatusCode, code: &str, detail: &str) -> Self {
        let body = ErrorBody {
            errors: [ErrorEntry {
                code,
                status: status.as_u16().to_string(),
                detail,
            }],
        };
        Self {
            status,
            ..Self::json(&body)
        }
    }

    /// A 500 of some exception.
    pub fn unexpected(code: &str) -> Self {
        Self::error(StatusCode::INTERNAL_SERVER_ERROR, code, UNEXPECTED)
    }

    /// A 500 with nothing in it: PHP died for want of memory.
    pub fn empty_500() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            content_type: "text/html; charset=utf-8",
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A row that is not there.
    pub fn missing_row() -> Self {
        Self::error(StatusCode::NOT_FOUND, "NotFoundHttpException", NOT_FOUND)
    }

    /// A path that no route has; `path` without its leading slash.
    pub fn missing_route(path: &str) -> Self {
        Self::error(
            StatusCode::NOT_FOUND,
            "NotFoundHttpException",
            &format!("The route {path} could not be found."),
        )
    }

    /// A refusal to somebody known.
    pub fn denied(detail: &str) -> Self {
        Self::error(StatusCode::FORBIDDEN, "AccessDeniedHttpException", detail)
    }

    /// A key that lacks the permission.
    pub fn unauthorized_action() -> Self {
        Self::denied("This action is unauthorized.")
    }

    /// An unknown key.
    pub fn unauthenticated() -> Self {
        Self::error(
            StatusCode::UNAUTHORIZED,
            "AuthenticationException",
            "Unauthenticated.",
        )
    }

    /// Maintenance mode.
    pub fn maintenance() -> Self {
        Self::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "HttpException",
            "Service Unavailable",
        )
    }

    /// A method that a route does not have.
    pub fn wrong_method(method: &str, path: &str) -> Self {
        let supported = "GET, HEAD, POST";
        let detail = format!(
            "The {method} method is not supported for route {path}. Supported methods: {supported}."
        );
        let mut reply = Self::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowedHttpException",
            &detail,
        );
        reply.headers.push(("Allow", supported.to_owned()));
        reply
    }

    /// A filter or sort that a listing does not have.
    pub fn invalid_query(code: &str, detail: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Too many requests; `reset` is the unix second at which the window ends, when one caused this.
    pub fn too_many_requests(wait: u64, reset: Option<u64>) -> Self {
        let mut reply = Self::error(
            StatusCode::TOO_MANY_REQUESTS,
            "ThrottleRequestsException",
            "Too Many Attempts.",
        );
        reply.headers.push(("Retry-After", wait.to_string()));
        reply
            .headers
            .extend(reset.map(|reset| ("X-RateLimit-Reset", reset.to_string())));
        reply
    }

    /// The same answer with the headers of the rate limit.
    pub fn with_standing(mut self, standing: Standing) -> Self {
        self.headers
            .push(("X-RateLimit-Limit", standing.limit.to_string()));
        self.headers
            .push(("X-RateLimit-Remaining", standing.remaining.to_string()));
        self
    }

    /// What somebody who does not ask for JSON gets of an error: a page.
    pub fn for_browsers(self) -> Self {
        if self.status.is_success() || self.content_type != "application/json" {
            return self;
        }
        let title = self.status.canonical_reason().unwrap_or("Error");
        Self {
            headers: self.headers,
            ..Self::html(self.status, title)
        }
    }
}
