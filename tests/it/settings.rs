//! Settings of decoding and stitching, in force whichever command reads the records.

use tests::corpus::corpus;
use tests::program::{run, stdout};

/// Loads a real exporter's records under this configuration and asks the store.
fn loaded(config: &str, sql: &str) -> Option<String> {
    let file = corpus("netflow/netflow5_test_microtik.dat")?;
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("halfopen.toml");
    std::fs::write(&settings, config).unwrap();
    let (store, settings) = (folder.path().join("store"), settings.to_str().unwrap().to_owned());
    let store = store.to_str().unwrap();
    let output = run(["load", file.to_str().unwrap(), "--store", store, "--config", &settings]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(stdout(["query", sql, "--store", store, "--format", "csv"]))
}

#[test]
fn a_sampling_that_the_user_knows_overrides_the_exporters() {
    let sql = "SELECT sampling, count(*) FILTER (WHERE outcome_class = 'failed') AS failed FROM sessions GROUP BY 1";
    let Some(csv) = loaded("[netflow]\nsampling = [\"0.0.0.0/0=7\"]\n", sql) else { return };
    assert_eq!(csv.trim(), "sampling,failed\n7,0");
}

#[test]
fn a_service_of_the_user_is_the_server() {
    // No handshake was seen of 10.0.9.1:50001 with 192.168.0.130:52321, so the lower port counts as the server's.
    let sql = "SELECT server_port FROM sessions WHERE server_port IN (50001, 52321) AND client_port IN (50001, 52321)";
    let Some(without) = loaded("", sql) else { return };
    assert_eq!(without.trim(), "server_port\n50001");
    let with = loaded("[network]\nservices = [\"192.168.0.0/16=tcp/52321\"]\n", sql).unwrap();
    assert_eq!(with.trim(), "server_port\n52321");
}

#[test]
fn decode_takes_the_configuration_too() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, export) = (folder.path().join("halfopen.toml"), folder.path().join("export"));
    std::fs::write(&settings, "[netflow]\nsampling = [\"192.0.2.0/24=none\"]\n").unwrap();
    // An IPFIX message without a set.
    let message = [&[0, 10, 0, 16][..], &1_700_000_000_u32.to_be_bytes(), &[0; 8]].concat();
    std::fs::write(&export, message).unwrap();
    let decode = |args: &[&str]| run([&["decode", export.to_str().unwrap()], args].concat());
    assert_eq!(decode(&[]).status.code(), Some(0));
    let refused = decode(&["--config", settings.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("none"));
}
