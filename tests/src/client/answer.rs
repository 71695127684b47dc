//! An answer of the server, read to its end.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// Status, headers and body of an answer, with what was asked for messages.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Method and path of the request.
    pub what: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The body as JSON; null if it is empty or no JSON.
    pub body: Value,
}

impl Answer {
    pub(super) async fn read(what: String, response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self {
            what,
            status,
            headers,
            text,
            body,
        })
    }

    /// The body of an answer with this status; panics with what came instead.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert!(self.status == status, "{}", self.differs(&status.to_string()));
        self.body
    }

    /// The body of an answer 200; panics with what came instead.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.expect(200)
    }

    /// Panics unless the answer is 200 without a body.
    #[track_caller]
    pub fn ok_empty(self) {
        assert!(
            self.status == 200 && self.text.is_empty(),
            "{}",
            self.differs("200 without a body")
        );
    }

    /// Panics unless the answer is a refusal in the API's error shape: this status, and `words` somewhere in message or
    /// validation errors.
    #[track_caller]
    pub fn refused(self, status: u16, words: &str) {
        assert!(
            self.status == status,
            "{}",
            self.differs(&format!("{status} ({words})"))
        );
        crate::shape::assert_shape("ErrorResponseModel", &self.body);
        assert!(
            self.text.contains(words),
            "{}",
            self.differs(&format!("{status} that says \"{words}\""))
        );
    }

    fn differs(&self, expected: &str) -> String {
        let shown: String = self.text.chars().take(1_500).collect();
        format!(
            "{}: expected {expected}, the answer was {} with body: {shown}",
            self.what, self.status
        )
    }
}
