//! Certificates of two authorities, of which the server and the tests trust one.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A folder of PEM files: `ca.crt` and `other.crt`, the authorities; `server`, for `localhost`;
/// `expired`, the same but expired long ago; `client`, for the role `with_cert`; `stranger`, the
/// same from the other authority. Each of the latter as `.crt` and `.key`.
pub fn write(folder: &Path) {
    let (ca, known) = authority("known authority");
    let (other, unknown) = authority("unknown authority");
    save(&folder.join("ca.crt"), &ca);
    save(&folder.join("other.crt"), &other);
    use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    sign(folder, "server", "localhost", ServerAuth, 2040, &known);
    sign(folder, "expired", "localhost", ServerAuth, 2001, &known);
    sign(folder, "client", "with_cert", ClientAuth, 2040, &known);
    sign(folder, "stranger", "with_cert", ClientAuth, 2040, &unknown);
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.self_signed(&key).unwrap().pem();
    (certificate, Issuer::new(params, key))
}

fn sign(
    folder: &Path,
    file: &str,
    name: &str,
    purpose: ExtendedKeyUsagePurpose,
    until: i32,
    issuer: &Issuer<'_, KeyPair>,
) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![purpose];
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let certificate = params.signed_by(&key, issuer).unwrap().pem();
    save(&folder.join(format!("{file}.crt")), &certificate);
    save(&folder.join(format!("{file}.key")), &key.serialize_pem());
}

fn save(path: &PathBuf, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
