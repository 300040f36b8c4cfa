//! Elasticsearch's wildcard patterns and Lucene's regular expressions, in the languages of the engine.

use datafusion::common::DFSchema;
use datafusion::execution::context::SessionContext;
use datafusion::functions::regex::expr_fn::regexp_like;
use datafusion::logical_expr::lit;
use std::sync::Arc;

use arrow::array::RecordBatchOptions;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;

/// A wildcard pattern (`*`, `?`, `\` escapes) as a pattern of `LIKE` with the escape `\`.
pub fn like(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push('%'),
            '?' => out.push('_'),
            '\\' => literal(chars.next().unwrap_or('\\'), &mut out),
            c => literal(c, &mut out),
        }
    }
    out
}

fn literal(c: char, out: &mut String) {
    if matches!(c, '%' | '_' | '\\') {
        out.push('\\');
    }
    out.push(c);
}

/// A regular expression of Lucene, which always fits the whole value, as one of the engine's.
///
/// # Errors
/// It uses operators that only Lucene has, or is none.
pub fn regex(pattern: &str, flags: Option<&str>, insensitive: bool) -> Result<String, String> {
    let optional = flags != Some("NONE");
    let mut out = String::from(if insensitive { "(?si)^(?:" } else { "(?s)^(?:" });
    let mut chars = pattern.chars();
    let mut class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let next = chars.next().ok_or("a regular expression ends in \\")?;
                if next.is_ascii_alphanumeric() && !matches!(next, 'd' | 'D' | 'w' | 'W' | 's' | 'S') {
                    out.push(next);
                } else {
                    out.extend(['\\', next]);
                }
            }
            '"' if !class => {
                // What is quoted stands for itself.
                for quoted in chars.by_ref().take_while(|c| *c != '"') {
                    out.extend(['\\', quoted].into_iter().filter(|c| *c != '\\' || !quoted.is_alphanumeric()));
                }
            }
            '~' | '&' | '<' | '@' | '#' if optional && !class => {
                return Err(format!(
                    "operator {c:?} of Lucene's regular expressions cannot be run; escape it if it is meant literally"
                ));
            }
            '^' | '$' if !class => out.extend(['\\', c]),
            '[' if !class => {
                class = true;
                out.push(c);
            }
            '[' | '&' | '~' if class => out.extend(['\\', c]),
            ']' => {
                class = false;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push_str(")$");
    check(&out)?;
    Ok(out)
}

/// Tries the expression on an empty text.
fn check(regex: &str) -> Result<(), String> {
    let schema = Arc::new(Schema::empty());
    let row = RecordBatchOptions::new().with_row_count(Some(1));
    let tried = (|| {
        let row = RecordBatch::try_new_with_options(Arc::clone(&schema), Vec::new(), &row)?;
        let expr = regexp_like(lit(""), lit(regex), None);
        let expr = SessionContext::new().create_physical_expr(expr, &DFSchema::try_from(schema)?)?;
        expr.evaluate(&row)
    })();
    tried.map(drop).map_err(|error| format!("no regular expression: {}", error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        assert_eq!(like("a*b?c"), "a%b_c");
        assert_eq!(like(r"100%_\*\\"), r"100\%\_*\\");
    }

    #[test]
    fn regular_expressions() {
        assert_eq!(regex("ht+ps?", None, false).unwrap(), "(?s)^(?:ht+ps?)$");
        assert_eq!(regex("a$", None, true).unwrap(), r"(?si)^(?:a\$)$");
        assert_eq!(regex("[^a-z]", None, false).unwrap(), "(?s)^(?:[^a-z])$");
        assert_eq!(regex("a\"b.c\"", None, false).unwrap(), r"(?s)^(?:ab\.c)$");
        for bad in ["~a", "a&b", "<1-5>", "@", "(", "a{", "\\"] {
            assert!(regex(bad, None, false).is_err(), "{bad}");
        }
        assert!(regex("a@b", Some("NONE"), false).is_ok());
    }
}
