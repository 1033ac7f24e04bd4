//! `health-probe http`: a web server answers as it should.

mod options;
mod owned;
mod redirect;
mod trust;

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Error};

use crate::outcome::{Limit, Look, Probe, Problem};
use crate::text::{quoted, reason};
use crate::user::User;
use options::{Header, Status, parse_url};
use owned::Owned;

/// As many as curl's documentation calls sane; more is a loop.
const MOST_REDIRECTS: usize = 5;
/// What is read of a body.
const MOST_BODY: u64 = 1 << 20;
/// Found when the time is over.
const IN_TIME: &str = "no answer in time";

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
    /// Header to send with the request, but not to another server after a redirect (may be given several times)
    #[arg(long, value_name = "NAME: VALUE", value_parser = Header::parse)]
    pub request_header: Vec<Header>,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Do not check the certificate at all (prefer --ca)
    #[arg(long, conflicts_with = "ca")]
    pub insecure: bool,
    /// Who must have made the socket that listens, after a redirect too: a name or number (addresses of this machine only)
    #[arg(long, value_name = "USER", value_parser = User::parse)]
    pub listener_user: Option<User>,
}

impl Probe for Http {
    fn expected(&self) -> String {
        let statuses: Vec<_> = self.status.iter().map(Status::to_string).collect();
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
        if let Some(user) = &self.listener_user {
            text += &format!(" from a socket of user '{user}'");
        }
        text
    }

    /// Only a file of certificates can be somewhere that does not answer.
    fn keeps_limit(&self) -> bool {
        self.ca.is_none()
    }

    fn look(&self, limit: Limit) -> Look {
        let owned = self.listener_user.as_ref().map(Owned::new);
        let response = self.follow(limit, owned.as_ref())?;
        let look = self.judge(response)?;
        owned
            .map_or(Ok(()), |owned| owned.check())
            .map_err(Problem::not_yet)?;
        Ok(look)
    }

    fn refuse(&self, _timeout: Duration) -> Option<String> {
        let file = self.ca.as_deref()?;
        trust::read_pem(file).err()
    }
}

impl Http {
    /// Gets it, and what it redirects to, all within the limit. What the request brings along is for the server that
    /// it was written for: another one does not get it, nor does this one on a way back that another one chose.
    fn follow(&self, limit: Limit, owned: Option<&Owned>) -> Result<Response<Body>, Problem> {
        let expects_redirect = self.status.iter().any(Status::is_redirect);
        let mut url = self.url.clone();
        let mut headers = self.request_header.as_slice();
        let mut trusted = None;
        for _ in 0..=MOST_REDIRECTS {
            // Reading all certificates that the system trusts costs more than the rest: not for a plain answer.
            if url.scheme_str() == Some("https") && trusted.is_none() && !self.insecure {
                trusted = Some(trust::roots(self.ca.as_deref())?);
            }
            // To ureq no time at all would mean no limit.
            let left = limit.left();
            if left.is_zero() {
                return Err(Problem::not_yet(IN_TIME));
            }
            let agent = self.agent(left, trusted.clone(), owned);
            let mut request = agent.get(&url);
            for header in headers {
                request = request.header(&header.name, &header.value);
            }
            let response = request.call().map_err(|error| unanswered(&error))?;
            if expects_redirect {
                return Ok(response);
            }
            let next = redirect::target(&url, &response).map_err(Problem::not_yet)?;
            let Some(next) = next else {
                return Ok(response);
            };
            if !redirect::is_same_origin(&url, &next) {
                headers = &[];
            }
            url = next;
        }
        let text = format!("more than {MOST_REDIRECTS} redirects");
        Err(Problem::not_yet(text))
    }

    fn agent(&self, limit: Duration, trusted: Option<RootCerts>, owned: Option<&Owned>) -> Agent {
        // A second one is refused, which is as good: it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trusted = trusted.unwrap_or_else(|| RootCerts::new_with_certs(&[]));
        let tls = TlsConfig::builder()
            .disable_verification(self.insecure)
            .root_certs(trusted)
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(limit))
            .user_agent(concat!("health-probe/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            .build();
        match owned {
            Some(owned) => Agent::with_parts(config, DefaultConnector::default(), owned.clone()),
            None => config.new_agent(),
        }
    }

    fn judge(&self, mut response: Response<Body>) -> Look {
        let status = response.status().as_u16();
        let found = format!("status {status}");
        if !self.status.iter().any(|wanted| wanted.matches(status)) {
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
                "{found}, but its body breaks off: {}",
                reason(&error)
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

/// Why there is no answer, without the name that ureq gives to the kind of it.
fn unanswered(error: &Error) -> Problem {
    Problem::not_yet(match error {
        Error::Timeout(_) => IN_TIME.into(),
        Error::Io(error) => quoted(&reason(error)),
        Error::Other(error) => reason(error),
        error => quoted(&reason(error)),
    })
}
