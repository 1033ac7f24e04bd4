//! Only servers of one user are asked.
//!
//! ureq promises nothing about what is below its `unversioned`; Cargo.lock does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::listener;
use crate::user::User;

/// Resolves names to those addresses only where this user listens.
#[derive(Debug, Clone)]
pub struct Owned {
    user: User,
    used: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Owned {
    /// Of this user.
    pub fn new(user: &User) -> Owned {
        Owned {
            user: user.clone(),
            used: Arc::default(),
        }
    }

    /// Looks at what was resolved once more, for after the answer: in between, it must not have become another's.
    pub fn check(&self) -> Result<(), String> {
        let used = self
            .used
            .lock()
            .map_or_else(|_| Vec::new(), |used| used.clone());
        used.iter()
            .try_for_each(|address| listener::check(*address, &self.user))
    }
}

impl Resolver for Owned {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let mut owned = self.empty();
        let mut problems = Vec::new();
        for address in DefaultResolver::default()
            .resolve(uri, config, timeout)?
            .iter()
        {
            match listener::check(*address, &self.user) {
                Ok(()) => owned.push(*address),
                Err(problem) => problems.push(problem),
            }
        }
        if owned.is_empty() {
            return Err(Error::Other(problems.join(", ").into()));
        }
        if let Ok(mut used) = self.used.lock() {
            used.extend_from_slice(&owned);
        }
        Ok(owned)
    }
}
