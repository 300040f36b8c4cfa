//! Parameters of one struct and of several beside each other.

use super::*;

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct First {
    #[serde(default, deserialize_with = "text")]
    port: Option<u16>,
    #[serde(default, deserialize_with = "flag")]
    loud: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Second {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    least: f64,
}

fn read<T: Part>(query: &str) -> Result<T, String> {
    let uri: Uri = format!("/?{query}").parse().unwrap();
    let mut given = Given::of(&uri);
    let value = T::of(&mut given).map_err(|problem| problem.detail)?;
    given.used_up().map_err(|problem| problem.detail)?;
    Ok(value)
}

#[test]
fn each_struct_takes_its_own() {
    let Both(first, second) = read::<Both<First, Second>>("name=a%20b&port=443&loud&least=2.5").unwrap();
    assert_eq!(first, First { port: Some(443), loud: true });
    assert_eq!(second, Second { name: Some("a b".to_owned()), least: 2.5 });
    assert_eq!(read::<First>("port=").unwrap(), First { port: None, loud: false });
}

#[test]
fn what_is_wrong_is_named() {
    let wrong = |query: &str| read::<Both<First, Second>>(query).err().unwrap_or_default();
    assert!(wrong("port=66000").starts_with("query parameter \"port\": \"66000\": "), "{}", wrong("port=66000"));
    assert!(wrong("least=x").contains("\"least\": \"x\": invalid float"), "{}", wrong("least=x"));
    assert!(wrong("port=1&port=2").contains("duplicate field `port`"), "{}", wrong("port=1&port=2"));
    let unknown = wrong("port=1&prot=2");
    assert!(unknown.contains("\"prot\" is unknown: expected \"port\", \"loud\", \"name\", \"least\""), "{unknown}");
    assert!(read::<NoParams>("x=1").err().unwrap().contains("none is expected"));
}

#[test]
fn choices_are_by_name() {
    assert_eq!("server".parse::<Chosen<Level>>().unwrap().0, Level::Server);
    let all = "expected server_port, server, port, client or perspective";
    assert_eq!("host".parse::<Chosen<Level>>().unwrap_err(), all);
    for (name, level) in Level::NAMES {
        assert_eq!(analytics::level_from(name), Some(*level));
    }
}
