//! Help texts and other small exchanges, as they look.

#[test]
fn help_and_usage_read_as_recorded() {
    trycmd::TestCases::new().case("tests/transcripts/*.trycmd");
}
