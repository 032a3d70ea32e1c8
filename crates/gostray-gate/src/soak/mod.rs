//! A load test that watches the goroutines: which endpoint leaves how many behind per request.
//!
//! # Shape
//! Each endpoint is driven alone, in rounds. After each round the connections are closed and the service is given
//! time to come to rest; what became more is counted by signature. The first round warms up: pools and caches
//! fill in it. From the others comes a rate with its confidence interval. Then all endpoints together: what was a
//! pool has levelled off there, what was a leak goes on. At the end the service is given time to drain, and what
//! is gone then was no leak either.
//!
//! | module | subject |
//! |---|---|
//! | `request` | what is asked, from the command line, a file, a HAR file or an `OpenAPI` document |
//! | `load` | requests at a rate that does not depend on the answers |
//! | `target` | the goroutines of the service, through pprof or from its memory |
//! | `estimate` | counts per round → a rate with its interval |
//! | `run` | the phases |
//! | `outcome` | what there is to say |

mod estimate;
mod load;
mod outcome;
mod request;
mod run;
mod target;

pub use estimate::Rate;
pub use load::{Answers, Latency};
pub use outcome::{Curve, EndpointOutcome, Growth, Outcome, Phase};
pub use request::{Request, RequestError, parse_har, parse_lines, parse_openapi, parse_words};
pub use run::{Options, Progress, SoakError, soak};
pub use target::{Target, TargetError};
