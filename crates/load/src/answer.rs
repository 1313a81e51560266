//! As much of HTTP/1.1 as it takes to find where an answer ends: a status, a
//! `Content-Length`, no chunks.

use anyhow::{Context, Result, ensure};

/// Begins before this place in every answer that we ask for.
const LONGEST_HEAD: usize = 8 * 1024;

/// Where an answer ends, once its head is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) status: u16,
    /// Bytes of head and body.
    pub(crate) length: usize,
}

/// The frame of the answer that `bytes` begins with; `None` while its head goes on.
pub(crate) fn frame(bytes: &[u8]) -> Result<Option<Frame>> {
    let mut rest = bytes;
    let mut body = None;
    let mut status = None;
    // From line to line: a line's end is found by what the standard library has for it.
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        match status {
            None => status = Some(number(line.get(9..12).unwrap_or_default())?),
            Some(status) if line.is_empty() => {
                let body = body.context("an answer without Content-Length")?;
                return Ok(Some(Frame {
                    status: u16::try_from(status).context("no status")?,
                    length: bytes.len() - rest.len() + body,
                }));
            }
            Some(_) => {
                const NAME: &[u8] = b"content-length:";
                if let Some((name, value)) = line.split_at_checked(NAME.len())
                    && name.eq_ignore_ascii_case(NAME)
                {
                    body = Some(number(value.trim_ascii())?);
                }
            }
        }
    }
    ensure!(bytes.len() < LONGEST_HEAD, "a head without an end");
    Ok(None)
}

fn number(digits: &[u8]) -> Result<usize> {
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok())
        .context("a number was expected in the answer")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}";

    #[test]
    fn an_answer_ends_with_its_body() {
        let whole = Frame {
            status: 200,
            length: ANSWER.len(),
        };
        assert_eq!(frame(ANSWER).unwrap(), Some(whole));
        assert_eq!(frame(&ANSWER[..ANSWER.len() - 2]).unwrap(), Some(whole));
        assert_eq!(frame(&ANSWER[..ANSWER.len() - 3]).unwrap(), None);
    }

    #[test]
    fn what_we_never_ask_for_is_an_error() {
        assert!(frame(b"HTTP/1.1 204 No Content\r\n\r\n").is_err());
        assert!(frame(b"nonsense, and then\r\n").is_err());
        assert!(frame(&[b'x'; LONGEST_HEAD]).is_err());
    }
}
