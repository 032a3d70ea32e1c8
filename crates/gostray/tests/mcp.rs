//! What `gostray mcp` promises to assistants: tools that answer as the commands do, and change nothing.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    id: u64,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gostray"))
            .arg("mcp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut server = Self { child, input, output, id: 0 };
        let hello = server.ask(
            "initialize",
            &json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}),
        );
        assert_eq!(hello["serverInfo"]["name"], "gostray", "{hello}");
        server.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.id += 1;
        let id = self.id;
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the server is gone");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The text of a tool's answer, and whether it is an error.
    fn call(&mut self, tool: &str, arguments: &Value) -> (String, bool) {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        (result["content"][0]["text"].as_str().unwrap().to_owned(), result["isError"] == true)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scenario() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios/s05_caller_gives_up/leaky");
    path.canonicalize().unwrap().display().to_string()
}

#[test]
fn tools_are_listed_and_none_changes_anything() {
    let mut server = Server::start();
    let tools = server.ask("tools/list", &json!({}));
    let mut names = Vec::new();
    for tool in tools["tools"].as_array().unwrap() {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        assert!(!tool["description"].as_str().unwrap().is_empty());
        names.push(tool["name"].as_str().unwrap());
    }
    names.sort_unstable();
    assert_eq!(names, ["check", "explain", "inspect", "leak", "leaks", "prove", "ps", "rule"]);
}

#[test]
fn they_answer_as_the_commands_do() {
    let mut server = Server::start();
    let (answer, is_error) = server.call("check", &json!({"folder": scenario(), "packages": ["."]}));
    assert!(!is_error, "{answer}");
    let findings: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (&findings["schema"], &findings["findings"][0]["rule"]),
        (&json!("gostray.findings/v1"), &json!("GS102"))
    );

    let (answer, is_error) = server.call("rule", &json!({"rule": "GS102"}));
    assert!(!is_error && answer.contains("timeout-abandon"), "{answer}");

    let dump = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&dump, "goroutine 1 [chan send]:\nmain.main()\n\t/x/main.go:3 +0x1\n").unwrap();
    let (answer, is_error) = server.call("inspect", &json!({"source": dump.path()}));
    assert!(!is_error, "{answer}");
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["schema"], "gostray.snapshot/v1");

    let (answer, is_error) = server.call("ps", &json!({}));
    assert!(!is_error, "{answer}");
}

#[test]
fn what_goes_wrong_is_said_and_the_server_goes_on() {
    let mut server = Server::start();
    for (tool, arguments, what) in [
        ("inspect", json!({"source": "/nowhere/dump"}), "/nowhere/dump"),
        ("inspect", json!({"source": "--help"}), "dash"),
        ("prove", json!({"source": "pid:4194304"}), "no process"),
        ("leaks", json!({}), "no server was named"),
        ("leak", json!({"leak": "x"}), "no server was named"),
        ("rule", json!({"rule": "GS999"}), "GS999"),
        ("explain", json!({"source": ":1", "folder": "/nowhere"}), "/nowhere"),
    ] {
        let (answer, is_error) = server.call(tool, &arguments);
        assert!(is_error && answer.contains(what), "{tool} {arguments}: {answer}");
    }
    assert!(!server.call("rule", &json!({"rule": "GS101"})).1);
    // When nobody asks any more, it ends.
    drop(server.input.take());
    assert!(server.child.wait().unwrap().success());
}
