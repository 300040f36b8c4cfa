//! Jobs beside the eight: floods, scans, brute force, failure ratios, servers that are down.
//!
//! Each says what an anomaly means, why it matters, what the usual causes are and what to do first, for the person on
//! call who has never seen it.

use serde_json::{Map, Value, json};
use tracker::Perspective;

use super::{Topic, custom_settings, failed_sessions, influencers, within};
use crate::definition::JobDefinition;
use crate::detector::{Detector, Function};
use crate::id::{JobId, Prefix};
use crate::query::{Query, Scalar};
use crate::schema::{Concept, Schema};
use crate::span::Span;

/// Ports of remote access: FTP, SSH, Telnet, SMB, RDP, VNC, `WinRM`.
const REMOTE_PORTS: [i64; 8] = [21, 22, 23, 445, 3389, 5900, 5985, 5986];
/// TCP flags of handshakes that never ended: SYN alone; SYN answered and not acknowledged.
const HALF_OPEN: [i64; 2] = [0x02, 0x12];
/// Runtime field whose mean is the ratio of failed to all sessions.
const FAILED: &str = "session_failed";
const ALL: [Perspective; 4] = [Perspective::Edge, Perspective::Inbound, Perspective::Outbound, Perspective::Private];
const OWN_SERVERS: [Perspective; 2] = [Perspective::Inbound, Perspective::Private];
const REACHED: [Perspective; 3] = [Perspective::Inbound, Perspective::Outbound, Perspective::Private];

/// What is watched.
#[derive(Clone, Copy)]
enum Watch {
    /// Handshakes that never ended, from one client among others.
    Flood,
    /// Clients of such handshakes.
    FloodClients,
    /// Ports of one server that one client tries.
    Ports,
    /// Ports of one server that anyone tries.
    PortsOfServer,
    /// Ports that one client tries anywhere.
    PortsOfClient,
    /// Sessions of one client with remote access.
    RemoteAccess,
    /// Failed of all attempts.
    Ratio,
    /// Sessions that establish.
    Served,
}

struct Plan {
    topic: Topic,
    span: Span,
    perspectives: &'static [Perspective],
    watch: Watch,
}

static PLANS: [Plan; 9] = [
    Plan {
        span: Span::minutes(5),
        perspectives: &ALL,
        watch: Watch::Flood,
        topic: Topic {
            slug: "sec_syn_flood_direct",
            group: "security",
            what: "One client opens far more TCP handshakes to a server than others do and leaves them unfinished",
            why: "Half-open connections fill the server's backlog until it accepts nobody else.",
            causes: &[
                "a SYN flood from a single source, possibly with a forged address",
                "a client or load balancer in a retry loop against a server that drops its packets",
                "a firewall that lets SYNs through and drops the rest",
            ],
            steps: &[
                "look whether other clients of the server still get through: their failed sessions rise when the backlog is full",
                "compare the source with inventory; a known client points at a retry loop or a path that loses packets one way",
                "limit or block the source at the border and turn SYN cookies on at the server",
            ],
        },
    },
    Plan {
        span: Span::minutes(5),
        perspectives: &ALL,
        watch: Watch::FloodClients,
        topic: Topic {
            slug: "sec_syn_flood_dist",
            group: "security",
            what: "Unusually many clients leave TCP handshakes to a server unfinished",
            why: "A distributed flood stays below every limit per source and still exhausts the server or the firewall before it.",
            causes: &[
                "a SYN flood of many or forged sources",
                "the server or a device before it lost its state or its return path, so that everyone's handshake hangs",
                "a popular service that is overloaded",
            ],
            steps: &[
                "look at the outcomes: unanswered handshakes of known clients mean an outage, of never seen ones a flood",
                "check the server's backlog and the session table of the firewall before it",
                "ask the provider for filtering when the line itself is full",
            ],
        },
    },
    Plan {
        span: Span::minutes(15),
        perspectives: &ALL,
        watch: Watch::Ports,
        topic: Topic {
            slug: "sec_portscan_direct",
            group: "security",
            what: "One client tries far more ports of one server, without success, than clients do",
            why: "Somebody is finding out what can be attacked, or a program is looking for a service that moved.",
            causes: &[
                "a port scan of one host",
                "a vulnerability scanner of your own",
                "a misconfigured client that tries port after port",
            ],
            steps: &[
                "compare the client with the list of your own scanners",
                "look which of the client's sessions did establish: those services were found",
                "block a stranger at the border; look for compromise of a client of your own",
            ],
        },
    },
    Plan {
        span: Span::minutes(15),
        perspectives: &ALL,
        watch: Watch::PortsOfServer,
        topic: Topic {
            slug: "sec_portscan_dist",
            group: "security",
            what: "Unusually many ports of one server are tried without success, by whomever",
            why: "A scan that is shared among many sources stays small for each of them.",
            causes: &["a port scan by a botnet or through proxies", "a server that lost many of its services at once"],
            steps: &[
                "look whether ports that used to be served are among them: then it is an outage",
                "look at the clients' networks and whether they try other servers too",
            ],
        },
    },
    Plan {
        span: Span::minutes(5),
        perspectives: &ALL,
        watch: Watch::PortsOfClient,
        topic: Topic {
            slug: "sec_portscan_fast",
            group: "security",
            what: "One client tries far more ports within minutes, on whatever servers, than clients do",
            why: "Fast scans precede automated attacks and worms.",
            causes: &["a scan across many hosts", "malware that spreads", "an inventory or monitoring tool"],
            steps: &[
                "isolate a client of your own that is no known scanner",
                "look which servers answered, and when it began",
            ],
        },
    },
    Plan {
        span: Span::hours(6),
        perspectives: &ALL,
        watch: Watch::PortsOfClient,
        topic: Topic {
            slug: "sec_portscan_slow",
            group: "security",
            what: "One client tries far more ports over hours, on whatever servers, than clients do",
            why: "A patient scan stays below limits per minute; over hours it shows.",
            causes: &[
                "a scan that is slowed down to stay unseen",
                "a client with an outdated configuration that tries again and again",
            ],
            steps: &[
                "list the client's failed sessions by server and port: a scan walks, a configuration repeats",
                "look for the same pattern in the days before",
            ],
        },
    },
    Plan {
        span: Span::minutes(15),
        perspectives: &REACHED,
        watch: Watch::RemoteAccess,
        topic: Topic {
            slug: "sec_brute_force",
            group: "security",
            what: "One client connects to a remote-access service (SSH, RDP, SMB, VNC, WinRM, Telnet, FTP) far more often than others do",
            why: "Guessing passwords takes many connections; one that succeeds is a break-in.",
            causes: &[
                "a brute-force or password-spraying attack",
                "a script or backup whose password changed",
                "an automation that opens a connection per command",
            ],
            steps: &[
                "look for a successful log-in of the client in the server's log",
                "compare the client with automation of your own",
                "block the client, and close remote access to the outside where it is not needed",
            ],
        },
    },
    Plan {
        span: Span::minutes(15),
        perspectives: &ALL,
        watch: Watch::Ratio,
        topic: Topic {
            slug: "avail_fail_ratio",
            group: "availability",
            what: "A larger part of the attempts to reach a server fails than usual",
            why: "The ratio tells an outage from mere growth: it does not rise because more people come.",
            causes: &[
                "an overloaded or partly failed server",
                "a congested or unreliable path",
                "a firewall rule that catches part of the clients",
            ],
            steps: &[
                "look at the outcomes: refused means the server answers and the service does not run; unanswered means path, firewall or overload",
                "look whether all clients share it or one network alone",
            ],
        },
    },
    Plan {
        span: Span::minutes(15),
        perspectives: &OWN_SERVERS,
        watch: Watch::Served,
        topic: Topic {
            slug: "avail_server_down",
            group: "availability",
            what: "Fewer sessions of a server establish than usual at this time",
            why: "A server that is down serves nobody, and clients that give up make no failures to count.",
            causes: &[
                "the server, its service or its network is down",
                "clients were moved to another server",
                "a holiday",
            ],
            steps: &[
                "look at the failed sessions of the same server: attempts that fail mean that it is down, none mean that nobody tries",
                "reach the server from two places",
                "ask whether it was moved on purpose",
            ],
        },
    },
];

/// Every topic of this file with its jobs, by vocabulary and perspective.
pub fn topics(prefix: &Prefix) -> impl Iterator<Item = (&'static Topic, Vec<JobDefinition>)> {
    PLANS.iter().map(move |plan| {
        let pairs = Schema::ALL.into_iter().flat_map(|s| plan.perspectives.iter().map(move |&p| (s, p)));
        (&plan.topic, pairs.map(|(schema, perspective)| job(prefix, plan, schema, perspective)).collect())
    })
}

fn job(prefix: &Prefix, plan: &Plan, schema: Schema, perspective: Perspective) -> JobDefinition {
    let topic = &plan.topic;
    let id = JobId::about(prefix, schema, topic.slug, perspective);
    let mut job = failed_sessions(prefix, schema, perspective);
    let causes = topic.causes.join("; ");
    job.description = Some(format!("{} ({perspective}). {} Likely: {causes}.", topic.what, topic.why));
    job.groups = vec!["halfopen".to_owned(), topic.group.to_owned(), "tcp".to_owned()];
    job.results_index = Some(id.results_index());
    job.custom_settings = custom_settings(schema, perspective);
    let guide = json!({"why": topic.why, "causes": topic.causes, "first_steps": topic.steps});
    job.custom_settings.insert("guide".to_owned(), guide);
    job.analysis.bucket_span = Some(plan.span);
    job.analysis.detectors = vec![Detector { description: Some(lower(topic.what)), ..detector(plan.watch, schema) }];
    job.analysis.influencers =
        influencers(perspective).into_iter().map(|concept| concept.field(schema).to_owned()).collect();
    if let Some(datafeed) = &mut job.datafeed {
        datafeed.id = id.datafeed();
        datafeed.query = within(schema, perspective, filter(plan.watch, schema));
        datafeed.frequency = Some(Span::seconds(plan.span.as_seconds().min(1_800) / 2));
        datafeed.runtime_mappings = matches!(plan.watch, Watch::Ratio).then(|| failed(schema));
    }
    job.id = id;
    job
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn detector(watch: Watch, schema: Schema) -> Detector {
    let field = |concept: Concept| Some(concept.field(schema).to_owned());
    let (client, server) = (field(Concept::ClientAddress), field(Concept::ServerAddress));
    let port = field(Concept::ServerPort);
    match watch {
        Watch::Flood | Watch::RemoteAccess => {
            Detector { over: client, partition: server, ..Detector::new(Function::HighCount) }
        }
        Watch::FloodClients => {
            Detector { field: client, partition: server, ..Detector::new(Function::HighDistinctCount) }
        }
        Watch::Ports => {
            Detector { field: port, over: client, partition: server, ..Detector::new(Function::HighDistinctCount) }
        }
        Watch::PortsOfServer => {
            Detector { field: port, partition: server, ..Detector::new(Function::HighDistinctCount) }
        }
        Watch::PortsOfClient => Detector { field: port, over: client, ..Detector::new(Function::HighDistinctCount) },
        Watch::Ratio => {
            let field = Some(FAILED.to_owned());
            Detector { field, partition: server, ..Detector::new(Function::HighMean) }
        }
        Watch::Served => Detector { partition: server, ..Detector::new(Function::LowCount) },
    }
}

fn filter(watch: Watch, schema: Schema) -> Vec<Query> {
    let field = |concept: Concept| concept.field(schema);
    let numbers = |concept: Concept, values: &[i64]| Query::Terms {
        field: field(concept).to_owned(),
        values: values.iter().map(|value| Scalar::from(*value)).collect(),
    };
    let mut filter = vec![Query::term(field(Concept::Transport), schema.tcp())];
    match watch {
        Watch::Flood | Watch::FloodClients => {
            filter.push(Query::term(field(Concept::Established), false));
            filter.push(numbers(Concept::TcpFlagBits, &HALF_OPEN));
        }
        Watch::Ports | Watch::PortsOfServer | Watch::PortsOfClient => {
            filter.push(Query::term(field(Concept::Established), false));
        }
        Watch::RemoteAccess => filter.push(numbers(Concept::ServerPort, &REMOTE_PORTS)),
        Watch::Ratio => filter.push(Query::exists(field(Concept::Established))),
        Watch::Served => filter.push(Query::term(field(Concept::Established), true)),
    }
    filter
}

/// A number that is 1 for a failed session and 0 for one that established.
fn failed(schema: Schema) -> Map<String, Value> {
    let established = Concept::Established.field(schema);
    let source = format!("emit(doc['{established}'].value ? 0 : 1)");
    let mut fields = Map::new();
    fields.insert(FAILED.to_owned(), json!({"type": "long", "script": {"source": source}}));
    fields
}
