//! What usually helps against a leak, by what its goroutines wait for.

use crate::watch::leak::Leak;

/// What usually helps; `None` where nothing general can be said.
#[must_use]
pub fn advice(leak: &Leak) -> Option<String> {
    let text = match leak.operation.as_str() {
        "chan send" => {
            "It sends, and nobody receives any more. Usual causes: the receiver returned early (an error, a timeout). \
             Give the channel room for what is sent (`make(chan T, 1)`), or send in a `select` with `<-ctx.Done()`."
        }
        "chan receive" => {
            "It receives, and nobody sends or closes any more. Usual causes: a path on which the channel is not \
             closed, a worker that nobody stops. `defer close(ch)` in the sender, or receive in a `select` with `<-ctx.Done()`."
        }
        "select" => {
            "None of its cases happens any more. Usual causes: a context that nobody cancels, a `Stop` or `Close` that \
             is not called. Call what `WithCancel` or the constructor gave back on every path (`defer cancel()`)."
        }
        "sync.Mutex.Lock" | "sync.RWMutex.Lock" => {
            "It waits for a lock that is not given back. Usual causes: a return or panic between Lock and Unlock, a lock \
             taken twice, two locks taken in different orders. `defer mu.Unlock()` directly after `Lock`."
        }
        "sync.WaitGroup.Wait" => {
            "It waits for goroutines that do not call `Done`, or that were never started. `Add` before `go`, \
             `defer wg.Done()` first in the goroutine."
        }
        "sync.Cond.Wait" => "It waits for a `Signal` or `Broadcast` that does not come any more.",
        "IO wait" => {
            "It waits for a peer. Usual causes: no deadline, a body or connection that is not closed. Set deadlines, and \
             `defer resp.Body.Close()`."
        }
        "sleep" => {
            "It sleeps again and again, and nothing tells it to end: use a `time.Ticker` in a `select` with `<-ctx.Done()`."
        }
        _ => return None,
    };
    Some(text.to_owned())
}
