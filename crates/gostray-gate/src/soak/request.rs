//! What is asked of the service.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

/// One request, which is sent again and again.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it is called: the method, unless it is `GET`, and the path.
    pub name: String,
    /// The method.
    pub method: Method,
    /// The path and query, or the whole address.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Option<Vec<u8>>,
}

/// Why a request can't be understood.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// A line of a file or an argument.
    #[error("{text:?}: {why}")]
    Line {
        /// The line.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is no such document.
    #[error("it is no {what}: {why}")]
    Document {
        /// `HAR file` or `OpenAPI document`.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// There is no request in it.
    #[error("there is no request in it")]
    Empty,
}

impl Request {
    fn new(method: &str, path: &str) -> Result<Self, String> {
        let parsed = Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method:?} is no HTTP method"))?;
        if !path.starts_with('/') && !path.starts_with("http://") && !path.starts_with("https://") {
            return Err(format!("{path:?} is neither a path (/search?q=x) nor a URL"));
        }
        let shown = path.split('?').next().unwrap_or(path);
        let name = if parsed == Method::GET { path.to_owned() } else { format!("{parsed} {shown}") };
        Ok(Self { name, method: parsed, path: path.to_owned(), headers: HeaderMap::new(), body: None })
    }

    fn header(&mut self, name: &str, value: &str) -> Result<(), String> {
        let name: HeaderName = name.trim().parse().map_err(|_| format!("{name:?} is no header"))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| format!("the header {name} has no such value"))?;
        self.headers.append(name, value);
        Ok(())
    }
}

/// One request: `/search?q=x`, `POST /orders 'Content-Type: application/json' '{"id":7}'`.
///
/// # Errors
/// If it has no path, or no such method or header.
pub fn parse_words(text: &str) -> Result<Request, RequestError> {
    let error = |why: String| RequestError::Line { text: text.to_owned(), why };
    let words = split(text).map_err(error)?;
    let mut words = words.iter();
    let first = words.next().ok_or_else(|| error("it is empty".to_owned()))?;
    let is_method = !first.starts_with('/') && !first.contains("://");
    let path = if is_method { words.next().ok_or_else(|| error("it has no path".to_owned()))? } else { first };
    let mut request = Request::new(if is_method { first } else { "GET" }, path).map_err(error)?;
    let rest: Vec<&String> = words.collect();
    for (at, word) in rest.iter().enumerate() {
        let header = word.split_once(':').filter(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        });
        match header {
            Some((name, value)) => request.header(name, value).map_err(error)?,
            // What is no header is the body, and that comes last.
            None if at + 1 == rest.len() => request.body = Some((*word).clone().into_bytes()),
            None => return Err(error(format!("{word:?} is neither a header nor the body, which comes last"))),
        }
    }
    Ok(request)
}

/// A request a line; empty lines and those that start with `#` are none.
///
/// # Errors
/// If a line is no request, or there is none.
pub fn parse_lines(text: &str) -> Result<Vec<Request>, RequestError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    some(lines.map(parse_words).collect::<Result<_, _>>()?)
}

/// Words as a shell splits them: quotes keep spaces.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), other) => word.get_or_insert_default().push(other),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (None, other) => word.get_or_insert_default().push(other),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a {open} is not closed"));
    }
    words.extend(word);
    Ok(words)
}

fn some(requests: Vec<Request>) -> Result<Vec<Request>, RequestError> {
    if requests.is_empty() { Err(RequestError::Empty) } else { Ok(requests) }
}

#[derive(Deserialize)]
struct Har {
    log: HarLog,
}

#[derive(Deserialize)]
struct HarLog {
    entries: Vec<HarEntry>,
}

#[derive(Deserialize)]
struct HarEntry {
    request: HarRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarRequest {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<HarHeader>,
    post_data: Option<HarBody>,
}

#[derive(Deserialize)]
struct HarHeader {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct HarBody {
    #[serde(default)]
    text: String,
}

/// The requests of a HAR file, as browsers save them (<http://www.softwareishard.com/blog/har-12-spec/>): each once,
/// without the host, so that they go where `--target` says.
///
/// # Errors
/// If it is no HAR file, or holds no request.
pub fn parse_har(text: &str) -> Result<Vec<Request>, RequestError> {
    let document = |why: String| RequestError::Document { what: "HAR file", why };
    let har: Har = serde_json::from_str(text).map_err(|error| document(error.to_string()))?;
    let mut requests: Vec<Request> = Vec::new();
    for entry in har.log.entries {
        let HarRequest { method, url, headers, post_data } = entry.request;
        let Ok(address) = reqwest::Url::parse(&url) else { continue };
        let path =
            address.query().map_or_else(|| address.path().to_owned(), |query| format!("{}?{query}", address.path()));
        let mut request = Request::new(&method, &path).map_err(document)?;
        // What belongs to the connection is made anew.
        let is_own = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with(':')
                || matches!(&*name, "host" | "content-length" | "connection" | "accept-encoding" | "transfer-encoding")
        };
        for HarHeader { name, value } in headers.iter().filter(|header| !is_own(&header.name)) {
            request.header(name, value).map_err(document)?;
        }
        request.body = post_data.map(|body| body.text.into_bytes());
        if !requests.iter().any(|known| known.name == request.name && known.body == request.body) {
            requests.push(request);
        }
    }
    some(requests)
}

/// The operations of an `OpenAPI` 3 document, in YAML or JSON, that can be called without inventing anything: those whose
/// required parameters have examples or defaults. The names of the others are given, too.
///
/// # Errors
/// If it is no such document, or no operation can be called.
pub fn parse_openapi(text: &str) -> Result<(Vec<Request>, Vec<String>), RequestError> {
    let document = |why: String| RequestError::Document { what: "OpenAPI document", why };
    // JSON is YAML, but its own errors are better.
    let api: Value = match text.trim_start().starts_with('{') {
        true => serde_json::from_str(text).map_err(|error| document(error.to_string()))?,
        false => serde_saphyr::from_str(text).map_err(|error| document(error.to_string()))?,
    };
    let Some(paths) = api["paths"].as_object().filter(|_| api["openapi"].is_string()) else {
        return Err(document("it has no \"openapi\" and \"paths\"".to_owned()));
    };
    let (mut requests, mut left_out) = (Vec::new(), Vec::new());
    for (path, operations) in paths {
        for method in ["get", "put", "post", "delete", "patch", "head", "options"] {
            let Some(operation) = operations.get(method) else { continue };
            match call(&api, path, method, &operations["parameters"], operation) {
                Ok(request) => requests.push(request),
                Err(why) => left_out.push(format!("{} {path}: {why}", method.to_uppercase())),
            }
        }
    }
    if requests.is_empty() && !left_out.is_empty() {
        return Err(document(left_out.join("; ")));
    }
    Ok((some(requests)?, left_out))
}

fn call(api: &Value, path: &str, method: &str, shared: &Value, operation: &Value) -> Result<Request, String> {
    let none = Vec::new();
    let list =
        |value: &'static str, from: &Value| from.get(value).and_then(Value::as_array).cloned().unwrap_or_default();
    let parameters = shared.as_array().unwrap_or(&none).iter().cloned().chain(list("parameters", operation));
    let (mut path, mut query, mut headers) = (path.to_owned(), Vec::new(), Vec::new());
    for parameter in parameters {
        let parameter = resolve(api, &parameter);
        let name = parameter["name"].as_str().unwrap_or_default().to_owned();
        let value = example(api, &parameter);
        let value = match value {
            Some(value) => text(&value),
            None if parameter["required"] == true => return Err(format!("the parameter {name} has no example")),
            None => continue,
        };
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &encode(&value)),
            Some("query") => query.push(format!("{}={}", encode(&name), encode(&value))),
            Some("header") => headers.push((name, value)),
            _ => {}
        }
    }
    if !query.is_empty() {
        path = format!("{path}?{}", query.join("&"));
    }
    let mut request = Request::new(&method.to_uppercase(), &path)?;
    for (name, value) in headers {
        request.header(&name, &value)?;
    }
    let body = resolve(api, &operation["requestBody"]);
    let content = resolve(api, &body["content"]["application/json"]);
    if let Some(example) = example(api, &content) {
        request.header("Content-Type", "application/json")?;
        request.body = Some(example.to_string().into_bytes());
    } else if body["required"] == true {
        return Err("its body has no example".to_owned());
    }
    Ok(request)
}

/// The example or default of something, its own or that of its schema.
fn example(api: &Value, of: &Value) -> Option<Value> {
    let own = |of: &Value| {
        let first = of["examples"].as_object().and_then(|examples| examples.values().next());
        let first = first.map(|example| example["value"].clone()).or_else(|| of["examples"].get(0).cloned());
        [of.get("example").cloned(), first, of.get("default").cloned()].into_iter().flatten().find(|v| !v.is_null())
    };
    let schema = resolve(api, &of["schema"]);
    own(of).or_else(|| own(&schema)).or_else(|| schema["enum"].get(0).cloned())
}

/// What a reference within the document is about.
fn resolve(api: &Value, value: &Value) -> Value {
    let target = value["$ref"].as_str().and_then(|path| path.strip_prefix('#')).and_then(|path| api.pointer(path));
    target.unwrap_or(value).clone()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// As it stands in a path or query.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_method_a_path_headers_and_a_body() {
        let request = parse_words("/search?q=x").unwrap();
        assert_eq!((request.method, &*request.path, &*request.name), (Method::GET, "/search?q=x", "/search?q=x"));
        let request = parse_words(r#"POST /orders?a=1 'Content-Type: application/json' '{"id": 7}'"#).unwrap();
        assert_eq!(&*request.name, "POST /orders");
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.body.as_deref(), Some(&b"{\"id\": 7}"[..]));
        for (text, why) in [
            ("", "empty"),
            ("GET", "no path"),
            ("GET search", "neither a path"),
            ("POST /x 'a", "not closed"),
            ("POST /x body more", "comes last"),
        ] {
            let error = parse_words(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(parse_lines("# nothing\n\n").is_err());
        assert_eq!(parse_lines("/a\n# b\nPUT /c x\n").unwrap().len(), 2);
    }

    #[test]
    fn what_a_browser_saved() {
        let har = r#"{"log": {"entries": [
            {"request": {"method": "GET", "url": "http://x.example/a?b=1", "headers": [
                {"name": "Host", "value": "x.example"}, {"name": "Accept", "value": "*/*"}]}},
            {"request": {"method": "GET", "url": "http://x.example/a?b=1", "headers": []}},
            {"request": {"method": "POST", "url": "http://x.example/c", "postData": {"text": "d"}}}]}}"#;
        let requests = parse_har(har).unwrap();
        let names: Vec<_> = requests.iter().map(|request| &*request.name).collect();
        assert_eq!(names, ["/a?b=1", "POST /c"]);
        assert_eq!(requests[0].headers.len(), 1);
        assert!(parse_har("{}").unwrap_err().to_string().contains("HAR"));
    }

    #[test]
    fn what_an_api_can_be_asked() {
        let api = r##"{"openapi": "3.0.3", "paths": {
            "/items/{id}": {"get": {"parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"$ref": "#/components/schemas/Id"}},
                {"name": "q", "in": "query", "example": "a b"}]},
              "delete": {"parameters": [{"name": "id", "in": "path", "required": true}]}},
            "/items": {"post": {"requestBody": {"required": true, "content": {"application/json": {"example": {"a": 1}}}}}}},
            "components": {"schemas": {"Id": {"type": "integer", "default": 7}}}}"##;
        let (requests, left_out) = parse_openapi(api).unwrap();
        let paths: Vec<_> = requests.iter().map(|request| (request.method.as_str(), &*request.path)).collect();
        assert_eq!(paths, [("POST", "/items"), ("GET", "/items/7?q=a%20b")]);
        assert_eq!(left_out, ["DELETE /items/{id}: the parameter id has no example"]);
        for (text, why) in
            [("{}", "openapi"), ("openapi: 3", "paths"), ("a: [", "OpenAPI"), ("{", "OpenAPI"), ("", "OpenAPI")]
        {
            let error = parse_openapi(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let yaml =
            "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      parameters:\n        - {name: b, in: query, example: c}\n";
        assert_eq!(parse_openapi(yaml).unwrap().0[0].path, "/a?b=c");
    }
}
