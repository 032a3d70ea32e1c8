//! How each channel wants a message.

use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::Millis;
use crate::alert::message::Message;
use crate::alert::{Channel, Receiver};

/// Bytes of a message that WeCom takes.
const MAX_WECOM: usize = 4_000;
/// Bytes of a message to other chats; Feishu takes 20 KB.
const MAX_CHAT: usize = 12_000;
/// So many leaks are told one by one in a message.
const MAX_TOLD: usize = 10;

/// What is posted, and to which URL.
pub(super) struct Post {
    pub(super) url: String,
    pub(super) body: Value,
    /// The same for the same message.
    pub(super) key: String,
}

/// What is posted to a receiver for messages; all but chats get one.
pub(super) fn post(
    receiver: &Receiver,
    messages: &[Message],
    is_repeat: bool,
    external_url: &str,
    now: Millis,
) -> std::io::Result<Post> {
    let mut url = receiver.url.read()?;
    let key: Vec<String> = messages
        .iter()
        .map(|m| {
            format!(
                "{}-{}-{}",
                m.leak,
                m.ends_at.unwrap_or(m.starts_at),
                if m.is_firing { "firing" } else { "resolved" }
            )
        })
        .collect();
    let text = || chat(messages, is_repeat);
    let body = match &receiver.channel {
        Channel::Alertmanager { resend } => {
            let ahead = Millis::try_from(resend.as_millis()).unwrap_or(60_000).saturating_mul(4);
            Value::Array(messages.iter().map(|m| alertmanager(m, now + ahead)).collect())
        }
        Channel::Webhook { receiver } => webhook(messages, receiver, external_url),
        Channel::PagerDuty { routing_key } => match messages.first() {
            Some(message) => pagerduty(message, &routing_key.read()?),
            None => Value::Null,
        },
        Channel::Slack { channel } => {
            let mut body = json!({ "text": cut(&slack(messages, is_repeat), MAX_CHAT) });
            if let Some(channel) = channel {
                body["channel"] = json!(channel);
            }
            body
        }
        Channel::Feishu { secret } => {
            let mut body = json!({ "msg_type": "text", "content": { "text": cut(&text(), MAX_CHAT) } });
            if let Some(secret) = secret {
                let seconds = now / 1_000;
                // The key is time and secret, and nothing is signed with it.
                let sign = signature(format!("{seconds}\n{}", secret.read()?).as_bytes(), b"");
                body["timestamp"] = json!(seconds.to_string());
                body["sign"] = json!(sign);
            }
            body
        }
        Channel::DingTalk { secret } => {
            if let Some(secret) = secret {
                let secret = secret.read()?;
                let sign = signature(secret.as_bytes(), format!("{now}\n{secret}").as_bytes());
                let sign: String = url::form_urlencoded::byte_serialize(sign.as_bytes()).collect();
                let joint = if url.contains('?') { '&' } else { '?' };
                url = format!("{url}{joint}timestamp={now}&sign={sign}");
            }
            let title = messages.first().map(|m| m.summary.clone()).unwrap_or_default();
            json!({ "msgtype": "markdown", "markdown": { "title": title, "text": cut(&markdown(messages, is_repeat), MAX_CHAT) } })
        }
        Channel::WeCom => {
            json!({ "msgtype": "markdown", "markdown": { "content": cut(&markdown(messages, is_repeat), MAX_WECOM) } })
        }
    };
    Ok(Post { url, body, key: key.join(" ") })
}

fn signature(key: &[u8], message: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(message);
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| String::new(), |time| time.to_string())
}

fn labels(m: &Message) -> Value {
    json!({
        "alertname": "GoroutineLeak",
        "service": m.service,
        "leak": m.leak,
        "signature": m.signature,
        "function": m.function,
        "severity": if m.verdict == "suspect" { "info" } else { "warning" },
    })
}

fn annotations(m: &Message) -> Value {
    json!({
        "summary": m.summary,
        "description": m.details.join("\n"),
        "verdict": m.verdict,
        "runbook_url": m.link,
    })
}

/// An alert of Alertmanager's API; one that fires ends by itself unless it is sent again.
fn alertmanager(m: &Message, ends: Millis) -> Value {
    json!({
        "labels": labels(m),
        "annotations": annotations(m),
        "startsAt": time(m.starts_at),
        "endsAt": time(m.ends_at.unwrap_or(ends)),
        "generatorURL": m.link,
    })
}

fn webhook(messages: &[Message], receiver: &str, external_url: &str) -> Value {
    let status = |firing: bool| if firing { "firing" } else { "resolved" };
    let alerts: Vec<Value> = messages
        .iter()
        .map(|m| {
            json!({
                "status": status(m.is_firing),
                "labels": labels(m),
                "annotations": annotations(m),
                "startsAt": time(m.starts_at),
                "endsAt": m.ends_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), time),
                "generatorURL": m.link,
                "fingerprint": m.leak,
            })
        })
        .collect();
    let first = messages.first();
    json!({
        "version": "4",
        "groupKey": first.map(|m| format!("{{}}:{{leak=\"{}\"}}", m.leak)),
        "truncatedAlerts": 0,
        "status": status(messages.iter().any(|m| m.is_firing)),
        "receiver": receiver,
        "groupLabels": { "alertname": "GoroutineLeak", "leak": first.map(|m| m.leak.clone()) },
        "commonLabels": first.map_or(Value::Null, labels),
        "commonAnnotations": first.map_or(Value::Null, annotations),
        "externalURL": external_url,
        "alerts": alerts,
    })
}

fn pagerduty(m: &Message, routing_key: &str) -> Value {
    let mut body = json!({
        "routing_key": routing_key,
        "event_action": if m.is_firing { "trigger" } else { "resolve" },
        "dedup_key": format!("gostray-{}", m.leak),
        "client": "gostray",
        "client_url": m.link,
        "links": [{ "href": m.link, "text": "the leak in gostray" }],
    });
    if m.is_firing {
        body["payload"] = json!({
            "summary": cut(&m.summary, 1_000),
            "source": m.service,
            "severity": if m.verdict == "suspect" { "info" } else { "warning" },
            "timestamp": time(m.starts_at),
            "component": m.function,
            "group": m.service,
            "class": "goroutine leak",
            "custom_details": { "verdict": m.verdict, "details": m.details },
        });
    }
    body
}

const REPEAT: &str = "(this may be a repeat: gostray was stopped while it sent this)";

fn lines(messages: &[Message], is_repeat: bool, one: impl Fn(&Message) -> String) -> String {
    let mut parts: Vec<String> = Vec::new();
    if is_repeat {
        parts.push(REPEAT.to_owned());
    }
    parts.extend(messages.iter().take(MAX_TOLD).map(one));
    if messages.len() > MAX_TOLD {
        parts.push(format!("… and {} more", messages.len() - MAX_TOLD));
    }
    parts.join("\n\n")
}

fn chat(messages: &[Message], is_repeat: bool) -> String {
    lines(messages, is_repeat, |m| format!("{}\n{}\n{}", m.summary, m.details.join("\n"), m.link))
}

/// Slack's own markup: only these three mean something to it.
fn slack(messages: &[Message], is_repeat: bool) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    lines(messages, is_repeat, |m| {
        format!("*{}*\n{}\n<{}|the leak in gostray>", escape(&m.summary), escape(&m.details.join("\n")), m.link)
    })
}

fn markdown(messages: &[Message], is_repeat: bool) -> String {
    let escape = |text: &str| {
        text.chars().fold(String::new(), |mut out, c| {
            if matches!(c, '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' | '#') {
                out.push('\\');
            }
            out.push(c);
            out
        })
    };
    lines(messages, is_repeat, |m| {
        let details: Vec<String> = m.details.iter().map(|line| format!("> {}", escape(line))).collect();
        format!("**{}**\n\n{}\n\n[the leak in gostray]({})", escape(&m.summary), details.join("\n\n"), m.link)
    })
}

/// A text that is not longer than so many bytes.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Does an answer with status 200 say that it did not work? Robots of chats do that.
pub(super) fn refusal(channel: &Channel, body: &str) -> Option<String> {
    let answer: Value = match channel {
        Channel::Feishu { .. } | Channel::DingTalk { .. } | Channel::WeCom => serde_json::from_str(body).ok()?,
        Channel::Slack { .. } if body.trim() != "ok" => return Some(body.chars().take(200).collect()),
        _ => return None,
    };
    let code = ["code", "errcode", "StatusCode"].iter().find_map(|name| answer.get(name)?.as_i64())?;
    let text =
        ["msg", "errmsg", "StatusMessage"].iter().find_map(|name| answer.get(name)?.as_str()).unwrap_or_default();
    (code != 0).then(|| format!("{code} {}", text.chars().take(200).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::target::Secret;

    fn message(is_firing: bool) -> Message {
        Message {
            leak: "00000000000000aa".to_owned(),
            is_firing,
            service: "orders".to_owned(),
            signature: "00000000000000bb".to_owned(),
            verdict: "likely".to_owned(),
            function: "shop.(*Server).Fetch.func1".to_owned(),
            summary: "likely goroutine leak in orders: 1,204 × chan send in shop.(*Server).Fetch.func1 <x>".to_owned(),
            details: vec!["on 2 of 3 instances, the most on a".to_owned()],
            link: "http://gostray/leaks/00000000000000aa".to_owned(),
            starts_at: 1_767_323_045_000,
            ends_at: (!is_firing).then_some(1_767_323_145_000),
        }
    }

    fn sent(channel: Channel, is_firing: bool) -> Value {
        let receiver = Receiver {
            name: "x".to_owned(),
            url: Secret::Inline("http://x/hook?token=1".to_owned()),
            access: std::sync::Arc::default(),
            send_resolved: true,
            channel,
        };
        let post = post(&receiver, &[message(is_firing)], false, "http://gostray", 1_767_323_045_000).expect("a post");
        json!({ "url": post.url, "key": post.key, "body": post.body })
    }

    #[test]
    fn every_channel_gets_what_it_wants() {
        let secret = || Some(Secret::Inline("s3cret".to_owned()));
        insta::assert_json_snapshot!(
            "alertmanager",
            sent(Channel::Alertmanager { resend: Duration::from_secs(60) }, true)
        );
        insta::assert_json_snapshot!("webhook", sent(Channel::Webhook { receiver: "ops".to_owned() }, false));
        insta::assert_json_snapshot!("slack", sent(Channel::Slack { channel: None }, true));
        let pagerduty = |firing| sent(Channel::PagerDuty { routing_key: Secret::Inline("k".to_owned()) }, firing);
        insta::assert_json_snapshot!("pagerduty", [pagerduty(true), pagerduty(false)]);
        insta::assert_json_snapshot!("feishu", sent(Channel::Feishu { secret: secret() }, true));
        insta::assert_json_snapshot!("dingtalk", sent(Channel::DingTalk { secret: secret() }, true));
        insta::assert_json_snapshot!("wecom", sent(Channel::WeCom, true));
    }

    #[test]
    fn a_refusal_in_an_answer_that_says_ok_is_seen() {
        let feishu = Channel::Feishu { secret: None };
        assert_eq!(
            refusal(&feishu, r#"{"code":19021,"msg":"sign match fail"}"#),
            Some("19021 sign match fail".to_owned())
        );
        assert_eq!(refusal(&feishu, r#"{"code":0,"msg":"success"}"#), None);
        assert_eq!(refusal(&Channel::WeCom, r#"{"errcode":45009,"errmsg":"freq"}"#), Some("45009 freq".to_owned()));
        assert_eq!(refusal(&Channel::Slack { channel: None }, "invalid_token"), Some("invalid_token".to_owned()));
        assert_eq!(refusal(&Channel::Slack { channel: None }, "ok"), None);
    }

    #[test]
    fn nothing_is_too_long() {
        assert_eq!(cut("äöü", 5), "ä…");
        let many: Vec<Message> = (0..30).map(|_| message(true)).collect();
        assert!(chat(&many, true).contains("and 20 more") && chat(&many, true).starts_with("(this may be"));
    }
}
