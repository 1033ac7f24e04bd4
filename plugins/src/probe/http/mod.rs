//! `health-probe http`: a web server answers as it should.

mod options;
mod trust;

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::outcome::{Look, Probe, Problem};
use crate::text::quoted;
use options::{Header, Status, parse_url};

/// As many as curl's documentation calls sane; more is a loop.
const MOST_REDIRECTS: u32 = 5;
/// What is read of a body.
const MOST_BODY: u64 = 1 << 20;
/// A web server answers a GET of URL (http or https) as it should.
#[derive(Debug, Args)]
#[command(
    after_help = "Redirects are followed, at most 5, unless a 3xx status is expected. Proxies are not used: the server itself is asked.\n\n\
                  Examples:\n  health-probe http http://localhost/healthz --body ok\n  \
                  health-probe http https://localhost:8443/ --ca /etc/app/ca.pem --status 200,204\n  \
                  health-probe http http://localhost/ --header 'Content-Type: text/html'"
)]
pub struct Http {
    /// What to get
    #[arg(value_parser = parse_url)]
    pub url: Uri,
    /// Statuses that are expected, separated by commas
    #[arg(long, value_name = "STATUS", value_delimiter = ',', default_value = "2xx", value_parser = Status::parse)]
    pub status: Vec<Status>,
    /// Text that the body must contain (the first MiB is looked at)
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
    /// Header that the answer must have, its value containing this one (may be given several times)
    #[arg(long, value_name = "NAME: VALUE", value_parser = Header::parse)]
    pub header: Vec<Header>,
    /// Header to send with the request (may be given several times)
    #[arg(long, value_name = "NAME: VALUE", value_parser = Header::parse)]
    pub request_header: Vec<Header>,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Do not check the certificate at all (prefer --ca)
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
}

impl Probe for Http {
    fn expected(&self) -> String {
        let statuses: Vec<_> = self
            .status
            .iter()
            .map(|status| match status.first == status.last {
                true => status.first.to_string(),
                false => format!("{}xx", status.first / 100),
            })
            .collect();
        let mut text = format!(
            "'{}' to answer with status {}",
            self.url,
            statuses.join(" or ")
        );
        for header in &self.header {
            text += &format!(" and header '{}: {}'", header.name, header.value);
        }
        if let Some(part) = &self.body {
            text += &format!(" and '{part}' in its body");
        }
        text
    }

    /// Only a file of certificates can be somewhere that does not answer.
    fn keeps_limit(&self) -> bool {
        self.ca.is_none()
    }

    fn look(&self, limit: Duration) -> Look {
        let expects_redirect = self.status.iter().any(|status| status.first / 100 == 3);
        let redirects = if expects_redirect { 0 } else { MOST_REDIRECTS };
        // Reading all certificates that the system trusts costs more than the rest: not for a plain answer.
        if self.url.scheme_str() == Some("http") {
            let response = self.get(limit, 0, RootCerts::new_with_certs(&[]))?;
            if redirects == 0 || !response.status().is_redirection() {
                return self.judge(response);
            }
        }
        let trusted = match self.insecure {
            true => RootCerts::new_with_certs(&[]),
            false => trust::roots(self.ca.as_deref())?,
        };
        self.judge(self.get(limit, redirects, trusted)?)
    }

    fn refuse(&self, _timeout: Duration) -> Option<String> {
        let file = self.ca.as_deref()?;
        trust::read_pem(file).err()
    }
}

impl Http {
    fn get(
        &self,
        limit: Duration,
        redirects: u32,
        trusted: RootCerts,
    ) -> Result<Response<Body>, Problem> {
        // A second one is refused, which is as good: it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = TlsConfig::builder()
            .disable_verification(self.insecure)
            .root_certs(trusted)
            .build();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(redirects)
            .proxy(None)
            .timeout_global(Some(limit))
            .user_agent(concat!("health-probe/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build()
            .new_agent();
        let mut request = agent.get(&self.url);
        for header in &self.request_header {
            request = request.header(&header.name, &header.value);
        }
        request.call().map_err(|error| match error {
            ureq::Error::Timeout(_) => Problem::not_yet("no answer in time"),
            error => Problem::not_yet(quoted(&error.to_string())),
        })
    }

    fn judge(&self, mut response: Response<Body>) -> Look {
        let status = response.status().as_u16();
        let found = format!("status {status}");
        if !self
            .status
            .iter()
            .any(|wanted| (wanted.first..=wanted.last).contains(&status))
        {
            return Err(Problem::not_yet(found));
        }
        for wanted in &self.header {
            let values: Vec<_> = response
                .headers()
                .get_all(&wanted.name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            if values.is_empty() {
                return Err(Problem::not_yet(format!(
                    "{found} without header '{}'",
                    wanted.name
                )));
            }
            if !values.iter().any(|value| value.contains(&wanted.value)) {
                let values = values.join(", ");
                return Err(Problem::not_yet(format!(
                    "{found} with header '{}: {values}'",
                    wanted.name
                )));
            }
        }
        let Some(part) = &self.body else {
            return Ok(found);
        };
        let mut body = Vec::new();
        if let Err(error) = response
            .body_mut()
            .as_reader()
            .take(MOST_BODY)
            .read_to_end(&mut body)
        {
            return Err(Problem::not_yet(format!(
                "{found}, but its body breaks off: {error}"
            )));
        }
        let body = String::from_utf8_lossy(&body);
        match body.contains(part) {
            true => Ok(found + " with that body"),
            false => Err(Problem::not_yet(format!(
                "{found} with body {}",
                quoted(&body)
            ))),
        }
    }
}
