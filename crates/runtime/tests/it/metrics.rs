use ::metrics::{counter, histogram};

#[test]
fn installing_twice_is_harmless_and_figures_are_rendered() {
    runtime::metrics::install();
    runtime::metrics::install();
    counter!("nodebyte_test_rows_total", "kind" => "nodes").increment(3);
    histogram!("nodebyte_test_duration_seconds").record(0.02);
    let text = runtime::metrics::render();
    assert!(
        text.contains("nodebyte_test_rows_total{kind=\"nodes\"} 3"),
        "{text}"
    );
    assert!(
        text.contains("nodebyte_test_duration_seconds_bucket{le=\"0.025\"} 1"),
        "{text}"
    );
}
