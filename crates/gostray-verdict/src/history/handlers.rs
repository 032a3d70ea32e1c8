//! Which goroutines serve requests: how many there are is the load.

/// The functions that goroutines which serve a connection or a request are started with, normalised.
const HANDLERS: &[&str] = &[
    "net/http.(*conn).serve",
    "net/http.(*http2serverConn).serve",
    "net/http.(*http2serverConn).runHandler",
    "golang.org/x/net/http2.(*serverConn).runHandler",
    "google.golang.org/grpc.(*Server).serveStreams.func",
    "google.golang.org/grpc.(*Server).handleRawConn.func",
    "google.golang.org/grpc.(*Server).initServerTransports.func",
    "github.com/valyala/fasthttp.(*workerPool).workerFunc",
    "github.com/valyala/fasthttp.(*workerPool).getCh.func",
    "github.com/apache/thrift/lib/go/thrift.(*TSimpleServer).innerAccept.func",
    "github.com/cloudwego/netpoll.(*connection).onProcess.func",
    "net/rpc.(*service).call",
    "net/rpc.(*Server).ServeConn",
];

/// Does a goroutine that was started with this function (normalised, as
/// [`gostray_model::FunctionName::normalised`] gives it) serve requests?
#[must_use]
pub fn serves_requests(start: &str) -> bool {
    HANDLERS.contains(&start)
}

#[cfg(test)]
mod tests {
    use gostray_model::FunctionName;

    use super::*;

    #[test]
    fn knows_servers_by_what_they_start() {
        for symbol in [
            "net/http.(*conn).serve",
            "google.golang.org/grpc.(*Server).serveStreams.func2.1",
            "github.com/valyala/fasthttp.(*workerPool).getCh.func1",
        ] {
            assert!(serves_requests(&FunctionName::new(symbol).normalised()), "{symbol}");
        }
        assert!(!serves_requests("main.worker"));
    }
}
