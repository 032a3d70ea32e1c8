//! `gostray mcp`: what gostray sees, for assistants, over standard input and output (the Model Context Protocol).
//!
//! Each tool is a command of gostray with `--format json`, in a process of its own: what goes wrong there does not end
//! the server, and there is one way to do a thing. None changes anything.

use std::process::Stdio;

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::schemars::JsonSchema;
use rmcp::serde::Deserialize;
use rmcp::{ServerHandler, ServiceExt, tool, tool_handler, tool_router};

use crate::cli::Mcp;
use crate::exit::Exit;

/// An answer longer than this is cut: nobody reads it, and it costs whoever asks.
const MAX_ANSWER: usize = 400_000;

const INSTRUCTIONS: &str = "gostray finds goroutine leaks in Go programs. `check` reads source; `ps`, `inspect` and `prove` look at \
running programs and cores from outside; `leaks` and `leak` ask the gostray server that watches a fleet, if one was named; `explain` leads from a running leak to the statement that causes it. A verdict is `proven` only \
if the goroutine can never run again. Nothing is changed: to mend something, run `gostray check --fix` yourself.";

pub(crate) fn run(args: Mcp) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let service = Gostray { fleet: args }.serve(rmcp::transport::stdio()).await?;
        service.waiting().await?;
        Ok(Exit::Clean)
    })
}

struct Gostray {
    fleet: Mcp,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
#[schemars(crate = "rmcp::schemars")]
struct Source {
    /// host:port or URL of net/http/pprof, pid:N, core:FILE, or a file with a saved goroutine dump or profile
    source: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
#[schemars(crate = "rmcp::schemars")]
struct Process {
    /// pid:N of a process on this machine, or core:FILE
    source: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
#[schemars(crate = "rmcp::schemars")]
struct OfFleet {
    /// Only those of this service
    service: Option<String>,
    /// Which states, separated by commas: open, confirmed, accepted, resolved, or all; open,confirmed if absent
    state: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
#[schemars(crate = "rmcp::schemars")]
struct LeakId {
    /// The id of a leak, as `leaks` gives it
    leak: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
#[schemars(crate = "rmcp::schemars")]
struct Explained {
    /// host:port or URL of net/http/pprof, pid:N, or a file with a saved goroutine dump or profile
    source: String,
    /// The folder of the program's module
    folder: String,
    /// Explain every goroutine that waits and is not meant to, not only those that leak
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
#[schemars(crate = "rmcp::schemars")]
struct Checked {
    /// The folder to start from
    folder: String,
    /// Packages as for the go command; ./... if there are none
    #[serde(default)]
    packages: Vec<String>,
    /// Report what only makes leaks easy, too
    #[serde(default)]
    hygiene: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(crate = "rmcp::serde")]
#[schemars(crate = "rmcp::schemars")]
struct RuleName {
    /// The rule, by code or name: GS103
    rule: String,
}

#[tool_router]
impl Gostray {
    /// The Go processes of this machine: pid, Go release, module, number of goroutines. None is stopped.
    #[tool(annotations(title = "Go processes", read_only_hint = true, open_world_hint = false))]
    async fn ps(&self) -> CallToolResult {
        ask(&["ps", "--json"], &[]).await
    }

    /// The goroutines of a service, a process or a saved dump, grouped and judged (gostray.snapshot/v1).
    #[tool(annotations(title = "Goroutines", read_only_hint = true))]
    async fn inspect(&self, Parameters(Source { source }): Parameters<Source>) -> CallToolResult {
        ask(&["inspect", "--format", "json", "--exit-zero"], &[&source]).await
    }

    /// Which goroutines of a process or core can never run again, what they retain, and who holds the others
    /// (gostray.snapshot/v1). The process is held up for about a millisecond, and only if something looks like a leak.
    #[tool(annotations(title = "Proof of leaks", read_only_hint = true, open_world_hint = false))]
    async fn prove(&self, Parameters(Process { source }): Parameters<Process>) -> CallToolResult {
        ask(&["prove", "--format", "json", "--exit-zero"], &[&source]).await
    }

    /// The leaks that the gostray server knows which watches a fleet: service, verdict, place, how many goroutines on how
    /// many instances, since which build.
    #[tool(annotations(title = "Leaks of the fleet", read_only_hint = true))]
    async fn leaks(&self, Parameters(OfFleet { service, state }): Parameters<OfFleet>) -> CallToolResult {
        let service = service.map(|service| format!("--service={service}"));
        let state = state.map(|state| format!("--state={state}"));
        let more: Vec<&str> = service.iter().chain(&state).map(String::as_str).collect();
        self.ask_server(&more, &[]).await
    }

    /// One leak of the fleet with its stacks, instances, holders, evidence and history.
    #[tool(annotations(title = "Leak of the fleet", read_only_hint = true))]
    async fn leak(&self, Parameters(LeakId { leak }): Parameters<LeakId>) -> CallToolResult {
        self.ask_server(&[], &[&leak]).await
    }

    /// From what is stuck in a program to the statement that causes it and its fix, or to who could wake it
    /// (gostray.snapshot/v1 with an explanation in each group).
    #[tool(annotations(title = "Cause of leaks", read_only_hint = true))]
    async fn explain(&self, Parameters(asked): Parameters<Explained>) -> CallToolResult {
        let mut words = vec!["explain", "--format", "json", "--exit-zero"];
        words.extend(asked.all.then_some("--all"));
        let folder = format!("--source={}", asked.folder);
        words.push(&folder);
        ask(&words, &[&asked.source]).await
    }

    /// Goroutine leaks in Go source, each with the way that leads to it and, where there is one, a fix as edits
    /// (gostray.findings/v1). Nothing is built or changed.
    #[tool(annotations(title = "Leaks in source", read_only_hint = true, open_world_hint = false))]
    async fn check(&self, Parameters(asked): Parameters<Checked>) -> CallToolResult {
        let folder = format!("--directory={}", asked.folder);
        let mut words = vec!["check", "--format", "json", "--exit-zero", &folder];
        words.extend(asked.hygiene.then_some("--hygiene"));
        ask(&words, &asked.packages.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// What a rule of check means, why, with bad and good code.
    #[tool(annotations(title = "Rule", read_only_hint = true, open_world_hint = false))]
    async fn rule(&self, Parameters(RuleName { rule }): Parameters<RuleName>) -> CallToolResult {
        ask(&["rule"], &[&rule]).await
    }
}

#[tool_handler]
impl ServerHandler for Gostray {
    fn get_info(&self) -> ServerConfig {
        let mut info = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        info.server_info = Implementation::new("gostray", env!("CARGO_PKG_VERSION"));
        info.with_instructions(INSTRUCTIONS)
    }
}

impl Gostray {
    async fn ask_server(&self, more: &[&str], values: &[&str]) -> CallToolResult {
        let Some(server) = &self.fleet.server else {
            return failed(
                "no server was named: it is started as `gostray mcp --server http://localhost:7117`".to_owned(),
            );
        };
        let server = format!("--server={server}");
        let token = self.fleet.token_file.as_ref().map(|path| format!("--token-file={}", path.display()));
        let mut words = vec!["leaks", "--format", "json", "--exit-zero", &server];
        words.extend(token.as_deref());
        words.extend(more);
        ask(&words, values).await
    }
}

/// Runs gostray with words of ours and values of whoever asks.
async fn ask(words: &[&str], values: &[&str]) -> CallToolResult {
    if let Some(value) = values.iter().find(|value| value.starts_with('-')) {
        return failed(format!("{value:?}: a value must not begin with a dash"));
    }
    let Ok(gostray) = std::env::current_exe() else { return failed("gostray does not find itself".to_owned()) };
    let output = tokio::process::Command::new(gostray)
        .args(words)
        .args(values)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output = match output {
        Ok(output) => output,
        Err(error) => return failed(error.to_string()),
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.stdout.is_empty() {
        return match (output.status.code(), text(output.stderr)) {
            (Some(0 | 4), _) => CallToolResult::success(vec![ContentBlock::text("nothing was found")]),
            (_, error) => failed(error.trim().to_owned()),
        };
    }
    let mut answer = text(output.stdout);
    if answer.len() > MAX_ANSWER {
        let whole = answer.len();
        let mut cut = MAX_ANSWER;
        while !answer.is_char_boundary(cut) {
            cut -= 1;
        }
        answer.truncate(cut);
        answer.push_str(&format!("\n… cut: the whole answer has {whole} bytes; ask for less"));
    }
    CallToolResult::success(vec![ContentBlock::text(answer)])
}

fn failed(why: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(why)])
}
