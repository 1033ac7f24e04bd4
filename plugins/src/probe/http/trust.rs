//! Which certificates are trusted.

use std::fs;
use std::path::Path;

use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use crate::outcome::Problem;
use crate::text::reason;

/// Where distributions keep the certificates that they and their administrator trust.
const TRUSTED: [&str; 4] = [
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The certificates of a file, or those that the system trusts.
pub fn roots(ca: Option<&Path>) -> Result<RootCerts, Problem> {
    let file = ca.or_else(|| TRUSTED.iter().map(Path::new).find(|file| file.exists()));
    let Some(file) = file else {
        return Err(Problem::last(format!(
            "no trusted certificates on this system (no '{}'): name some with '--ca'",
            TRUSTED.join("', '")
        )));
    };
    let certificates = read_pem(file).map_err(Problem::not_yet)?;
    Ok(RootCerts::new_with_certs(&certificates))
}

/// All certificates of a file; one that cannot be read is as bad as none.
pub fn read_pem(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let name = file.display();
    let text = fs::read(file).map_err(|error| {
        format!(
            "the certificates in '{name}' cannot be read: {}",
            reason(&error)
        )
    })?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| format!("'{name}' is not in PEM format: {error}"))?
        {
            certificates.push(certificate);
        }
    }
    match certificates.is_empty() {
        true => Err(format!(
            "no certificate in '{name}': it must have '-----BEGIN CERTIFICATE-----' lines"
        )),
        false => Ok(certificates),
    }
}
