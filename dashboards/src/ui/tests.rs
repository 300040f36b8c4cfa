//! Files, the page at any depth, and the page without a built UI.

use axum::body::to_bytes;

use super::*;

async fn get(path: &str) -> Response {
    serve(Method::GET, path.parse().unwrap(), HeaderMap::new()).await
}

async fn text(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn every_page_path_is_the_page() {
    for path in ["/", "/series", "/sessions?x=1", "/a/b/c", "/index.html"] {
        let response = get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-cache");
        assert!(text(response).await.contains("<title>halfopen</title>"));
    }
}

#[tokio::test]
async fn files_that_are_not_there() {
    for path in ["/assets/none-1234.js", "/none.css", "/a/../../etc/passwd.txt"] {
        assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let posted = serve(Method::POST, "/".parse().unwrap(), HeaderMap::new()).await;
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(posted.headers()[header::ALLOW], "GET, HEAD");
}

#[tokio::test]
async fn built_assets_never_change() {
    let Some(name) = Dist::iter().find(|name| name.starts_with("assets/")) else { return };
    let response = get(&format!("/{name}")).await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], FOREVER);
    let tag = response.headers()[header::ETAG].clone();
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_NONE_MATCH, tag);
    let again = serve(Method::GET, format!("/{name}").parse().unwrap(), headers).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn assets_come_small_to_those_who_take_gzip() {
    let Some(name) = Dist::iter().find(|name| name.ends_with(".js.gz")) else { return };
    let path = format!("/{}", name.trim_end_matches(".gz"));
    let ask = |encodings: &'static str| {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings))]);
        serve(Method::GET, path.parse().unwrap(), headers)
    };
    let whole = ask("br, gzip;q=0").await;
    assert!(!whole.headers().contains_key(header::CONTENT_ENCODING));
    let small = ask("br;q=0.5, gzip").await;
    assert_eq!(small.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(small.headers()[header::VARY], "accept-encoding");
    assert_eq!(small.headers()[header::CONTENT_TYPE], whole.headers()[header::CONTENT_TYPE]);
    assert_ne!(small.headers()[header::ETAG], whole.headers()[header::ETAG]);
    let length = async |response: Response| to_bytes(response.into_body(), 1 << 20).await.unwrap().len();
    let (small, whole) = (length(small).await, length(whole).await);
    assert!(small < whole, "{small} bytes of {whole}");
}

#[tokio::test]
async fn deep_paths_find_the_way_back() {
    let html = "<html><head><script src=\"./a.js\"></script></head></html>";
    assert!(text(page(Some(html), "series")).await.contains("<head><script"));
    assert!(text(page(Some(html), "series/x")).await.contains("<head><base href=\"../\"><script"));
    assert!(text(page(Some(html), "a/b/c")).await.contains("<base href=\"../../\">"));
    assert!(text(page(None, "")).await.contains("make ui"));
}
