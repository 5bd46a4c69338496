//! One seed makes one model, bit for bit, on any number of threads.

mod common;

#[test]
fn threads_do_not_change_a_bit() {
    let train = |threads: &str| {
        let folder = tempfile::tempdir().unwrap();
        let arguments = [
            "train",
            "--out",
            "model",
            "--set=dnn.epochs=2",
            "--set=fine-tuning.epochs=1",
            "--set=fine-tuning.least-loss=0",
            "--set=fine-tuning.learning-rate=1e-3",
        ];
        let output = common::spiketext(folder.path(), &arguments).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(output.status.success(), "{}", common::text(&output.stderr));
        let mut files = common::everything(&folder.path().join("model"));
        // How long it took is in the report, and nothing else may differ.
        for name in ["config.json", "README.md"] {
            let report = String::from_utf8(files.remove(name).unwrap()).unwrap();
            let lines: Vec<&str> = report.lines().filter(|line| !line.contains("seconds")).collect();
            files.insert(name.to_owned(), lines.join("\n").into_bytes());
        }
        files
    };
    let one = train("1");
    assert!(!one.is_empty());
    assert!(train("2") == one, "two threads");
    assert!(train("8") == one, "eight threads");
}
