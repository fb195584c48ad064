//! How to reach the mail server.

use std::fmt;

use url::Url;

use super::ConnectError;

/// When the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte (`smtps://`, port 465).
    Implicit,
    /// By STARTTLS, or nothing is sent (`smtp://` with a password, or `?tls=required`).
    Required,
    /// By STARTTLS where the server offers it (`smtp://` without a password).
    Opportunistic,
    /// Never (`?tls=none`).
    None,
}

/// How to reach the mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// When the connection is encrypted.
    pub tls: SmtpTls,
    /// User and password, where the server wants them.
    pub credentials: Option<(String, String)>,
    /// The sender where a request names none: `Shop <shop@example.com>`.
    pub from: String,
    /// A header that the server takes as idempotency key, for servers that have one.
    pub idempotency_header: Option<String>,
}

impl fmt::Debug for SmtpSettings {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field(
                "credentials",
                &self.credentials.as_ref().map(|_| "[secret]"),
            )
            .field("from", &self.from)
            .field("idempotency_header", &self.idempotency_header)
            .finish()
    }
}

impl SmtpSettings {
    /// From `smtp[s]://[user:password@]host[:port][?tls=required|opportunistic|none]`, user and
    /// password percent-encoded. Ports: 465 for smtps, 587 for smtp with a user, else 25.
    pub fn from_url(url: &str, from: &str) -> Result<Self, ConnectError> {
        // No error repeats the address: it holds the password.
        let wrong = |what: &str| ConnectError(format!("the address of the mail server {what}"));
        let url = Url::parse(url)
            .map_err(|error| wrong(&format!("is none ({error}): write smtp://host:port")))?;
        let implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(wrong("must begin with smtp:// or smtps://")),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host
            .ok_or_else(|| wrong("names no host"))?
            .trim_matches(['[', ']'])
            .to_owned();
        let credentials = if url.username().is_empty() {
            None
        } else {
            let password = url.password().unwrap_or_default();
            Some((decoded(url.username()), decoded(password)))
        };
        let tls = url
            .query_pairs()
            .find(|(name, _)| name == "tls")
            .map(|(_, value)| value);
        let tls = match tls.as_deref() {
            _ if implicit => SmtpTls::Implicit,
            None if credentials.is_some() => SmtpTls::Required,
            None | Some("opportunistic") => SmtpTls::Opportunistic,
            Some("required") => SmtpTls::Required,
            Some("none") => SmtpTls::None,
            Some(_) => return Err(wrong("has an unknown tls: required, opportunistic or none")),
        };
        let usual = match (implicit, &credentials) {
            (true, _) => 465,
            (false, Some(_)) => 587,
            (false, None) => 25,
        };
        let port = url.port().unwrap_or(usual);
        let from = from.to_owned();
        Ok(Self {
            host,
            port,
            tls,
            credentials,
            from,
            idempotency_header: None,
        })
    }
}

/// Undoes percent-encoding; the parser for forms does it, once `+` is kept from meaning a space.
fn decoded(text: &str) -> String {
    let text = text
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        use SmtpTls::{Implicit, Opportunistic, Required};
        for (url, host, port, tls, credentials) in [
            (
                "smtp://mail.example.com",
                "mail.example.com",
                25,
                Opportunistic,
                None,
            ),
            (
                "smtp://127.0.0.1:1025",
                "127.0.0.1",
                1025,
                Opportunistic,
                None,
            ),
            (
                "smtp://[::1]:1025?tls=none",
                "::1",
                1025,
                SmtpTls::None,
                None,
            ),
            (
                "smtp://u:p@example.com",
                "example.com",
                587,
                Required,
                Some(("u", "p")),
            ),
            (
                "smtp://u:p@example.com:2525?tls=none",
                "example.com",
                2525,
                SmtpTls::None,
                Some(("u", "p")),
            ),
            (
                "smtps://a%40b:p%2F+%26=x@example.com",
                "example.com",
                465,
                Implicit,
                Some(("a@b", "p/+&=x")),
            ),
        ] {
            let settings = SmtpSettings::from_url(url, "a@example.com").expect(url);
            let expected = credentials.map(|(user, word)| (user.to_owned(), word.to_owned()));
            assert_eq!(
                (settings.host.as_str(), settings.port),
                (host, port),
                "{url}"
            );
            assert_eq!(
                (settings.tls, settings.credentials),
                (tls, expected),
                "{url}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (url, part) in [
            ("", "smtp://host:port"),
            ("mail.example.com", "smtp://host:port"),
            ("http://u:hidden@example.com", "smtp://"),
            ("smtp://u:hidden@:25", "smtp://host:port"),
            ("smtp:", "no host"),
            ("smtp://u:hidden@example.com?tls=maybe", "required"),
        ] {
            let error = SmtpSettings::from_url(url, "a@example.com")
                .expect_err(url)
                .to_string();
            assert!(error.contains(part), "{url}: {error}");
            assert!(!error.contains("hidden"), "{error}");
        }
        let settings = SmtpSettings::from_url("smtp://u:hidden@example.com", "a@example.com");
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
