//! Every shell command of the Guide, run as a reader would run it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tests::corpus::root;
use tests::program::{binary, halfopen};
use tests::server::Server;

/// A capture with one SYN in an Ethernet frame, 10.2.0.9:40000 to 10.2.0.7:443.
fn capture() -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([0x08, 0x00, 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 2, 0, 9, 10, 2, 0, 7]);
    frame.extend([0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x20, 0, 0, 0, 0, 0]);
    let mut file = Vec::new();
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    file.extend(1_773_151_200_u32.to_le_bytes());
    file.extend([0; 4]);
    let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
    file.extend(length);
    file.extend(length);
    file.extend(frame);
    file
}

/// A datagram of NetFlow v5 with both halves of one refused connection.
fn flows() -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend([0, 5, 0, 2]);
    datagram.extend(100_000_u32.to_be_bytes());
    datagram.extend(1_773_151_200_u32.to_be_bytes());
    datagram.extend([0; 12]);
    for (from, to, ports, flags) in
        [([10, 2, 0, 9], [10, 2, 0, 7], [40_000_u16, 443], 0x02), ([10, 2, 0, 7], [10, 2, 0, 9], [443, 40_000], 0x14)]
    {
        datagram.extend(from);
        datagram.extend(to);
        datagram.extend([0; 8]);
        datagram.extend(1_u32.to_be_bytes());
        datagram.extend(60_u32.to_be_bytes());
        datagram.extend(90_000_u32.to_be_bytes());
        datagram.extend(90_100_u32.to_be_bytes());
        datagram.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        datagram.extend([0, flags, 6, 0]);
        datagram.extend([0; 8]);
    }
    datagram
}

/// Runs a line in a shell in this folder, with the built program on the path and no settings of the user.
fn shell(folder: &Path, line: &str, seconds: u32) -> Output {
    let mut command = Command::new("timeout");
    command.args(["--signal=TERM", &seconds.to_string(), "bash", "-euo", "pipefail", "-c", line]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HALFOPEN_") {
            command.env_remove(name);
        }
    }
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    command
        .env("PATH", path)
        .env("XDG_DATA_HOME", folder)
        .env("HALFOPEN_HTTP", "127.0.0.1:0")
        .env("HALFOPEN_NETFLOW", "127.0.0.1:0");
    command.current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn every_command_of_the_guide_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("capture.pcap"), capture()).unwrap();
    fs::write(folder.join("flows.bin"), flows()).unwrap();
    let store = folder.join("served");
    let loaded = halfopen(["load", "flows.bin", "--store", "served"]).current_dir(folder).output().unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let mut server = Server::start(&store, &[], &[]);
    let places = [
        ("{base}", server.url("")),
        ("{store}", store.to_string_lossy().into_owned()),
        ("{other}", "other".to_owned()),
        ("{flows}", "flows.bin".to_owned()),
        ("{capture}", "capture.pcap".to_owned()),
    ];
    let listed = fs::read_to_string(root().join("dashboards/ui/src/pages/guide/commands.json")).unwrap();
    let commands: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert!(commands.len() > 20);
    // Those that need what others make come after them.
    for command in &commands {
        let is = |name: &str| command[name].as_bool().unwrap_or(false);
        let mut line = command["text"].as_str().unwrap().to_owned();
        // A server of its own has a store of its own: that of the test is taken.
        let own = folder.join(format!("own-{}", command["id"].as_str().unwrap())).to_string_lossy().into_owned();
        for (name, value) in &places {
            line = line.replace(name, if is("serves") && *name == "{store}" { &own } else { value });
        }
        let output = shell(folder, &line, if is("serves") || is("endless") { 4 } else { 60 });
        let (code, said) = (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
        if is("serves") {
            assert!(said.contains("serving http"), "{line}: {code:?} {said}");
        } else if is("endless") {
            assert_eq!(code, Some(124), "{line}: {said}");
        } else if is("quiet") {
            assert!(matches!(code, Some(0 | 1)), "{line}: {code:?} {said}");
        } else {
            assert_eq!(code, Some(0), "{line}: {said}");
            let redirected = line.contains(" > ") || line.contains("--out") || line.starts_with("halfopen load");
            let nothing = ["config check", "results export", "results?", "csv"].iter().any(|part| line.contains(part));
            assert!(!output.stdout.is_empty() || redirected || nothing, "{line} says nothing: {said}");
        }
    }
    assert!(server.stop().success());
}

/// The Guide shows commands by name only: no other shell line stands in its pages, and each name is known and used.
#[test]
fn the_guide_has_no_other_commands() {
    let folder = root().join("dashboards/ui/src/pages/guide");
    let commands: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(folder.join("commands.json")).unwrap()).unwrap();
    let mut pages = String::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "svelte") && !path.ends_with("Commands.svelte") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("<pre"), "{}: show commands by their names", path.display());
            pages.push_str(&text);
        }
    }
    for command in &commands {
        let id = command["id"].as_str().unwrap();
        assert!(pages.contains(&format!("'{id}'")), "nothing shows the command {id}");
    }
    let known: Vec<&str> = commands.iter().filter_map(|command| command["id"].as_str()).collect();
    for list in pages.split("ids={[").skip(1) {
        for id in list.split("]}").next().unwrap().split(',') {
            let id = id.trim().trim_matches('\'');
            assert!(known.contains(&id), "no command is named {id}");
        }
    }
}
