//! Files of others: what is known runs, what is not is named, nothing is guessed.

use std::{collections::BTreeMap, path::Path};

use spiketext_nir::{
    Graph, Simulator, Target,
    array::Array,
    file::{self, Contents, Field, Fields},
};

fn numbers(shape: &[usize], values: &[f64]) -> Field {
    Field::Precise(Array::new(shape.to_vec(), values.to_vec()))
}

fn node(kind: &str, fields: &[(&str, Field)]) -> Fields {
    let fields = fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone()));
    Fields { kind: kind.to_owned(), fields: fields.collect() }
}

/// A chain of these nodes between an input and an output.
fn chain(input: &[f64], output: &[f64], nodes: Vec<Fields>) -> Contents {
    let shape = |kind: &str, sizes: &[f64]| node(kind, &[("shape", numbers(&[sizes.len()], sizes))]);
    let mut all = vec![shape("Input", input)];
    all.extend(nodes);
    all.push(shape("Output", output));
    let names: Vec<String> = (0..all.len()).map(|at| format!("n{at}")).collect();
    let edges = names.windows(2).map(|pair| [pair[0].clone(), pair[1].clone()]).collect();
    Contents { nodes: names.into_iter().zip(all).collect::<BTreeMap<_, _>>(), edges }
}

fn read(contents: &Contents) -> Result<Graph, String> {
    let bytes = file::to_bytes(contents).expect("a file");
    let contents = file::parse(Path::new("a.nir"), bytes).expect("read");
    let told = |flaw: spiketext_nir::Flaw| format!("{}, got {}", flaw.expected, flaw.got);
    let graph = Graph::of(&contents).map_err(told)?;
    graph.chain().map_err(told)?;
    Ok(graph)
}

fn integrate(threshold: f64) -> Fields {
    node("IF", &[("r", numbers(&[], &[1e4])), ("v_threshold", numbers(&[], &[threshold]))])
}

fn outputs(contents: &Contents, target: Target, inputs: &[f32]) -> Vec<f32> {
    let graph = read(contents).expect("a chain");
    Simulator::new(&graph, target.rule()).expect("runs").run(inputs).expect("whole steps").outputs
}

#[test]
fn nodes_do_what_nir_says() {
    let affine = |weight: &[f64], bias: &[f64]| {
        let shape = [bias.len(), weight.len() / bias.len()];
        node("Affine", &[("weight", numbers(&shape, weight)), ("bias", numbers(&[bias.len()], bias))])
    };
    let weights = chain(&[2.0], &[2.0], vec![affine(&[1.0, 2.0, -1.0, 0.5], &[0.0, 10.0])]);
    assert_eq!(outputs(&weights, Target::Generic, &[1.0, 1.0, 0.0, 2.0]), [3.0, 9.5, 4.0, 11.0]);
    // Two rows through the same weights.
    let rows = chain(&[2.0, 2.0], &[2.0, 1.0], vec![affine(&[1.0, 2.0], &[0.0])]);
    assert_eq!(outputs(&rows, Target::Generic, &[1.0, 1.0, 0.0, 2.0]), [3.0, 4.0]);
    let scale = chain(&[2.0], &[2.0], vec![node("Scale", &[("scale", numbers(&[2], &[2.0, -1.0]))])]);
    assert_eq!(outputs(&scale, Target::Generic, &[1.0, 3.0]), [2.0, -3.0]);
    let convolution = |padding: Field| {
        let fields = [
            ("weight", numbers(&[1, 1, 3], &[1.0, 2.0, 4.0])),
            ("bias", numbers(&[1], &[0.5])),
            ("stride", numbers(&[], &[1.0])),
            ("dilation", numbers(&[], &[1.0])),
            ("groups", numbers(&[], &[1.0])),
            ("padding", padding),
        ];
        node("Conv1d", &fields)
    };
    let inputs = [1.0, 0.0, 0.0, 1.0];
    let same = chain(&[1.0, 4.0], &[1.0, 4.0], vec![convolution(Field::Text("same".into()))]);
    assert_eq!(outputs(&same, Target::Generic, &inputs), [2.5, 1.5, 4.5, 2.5]);
    let valid = chain(&[1.0, 4.0], &[1.0, 2.0], vec![convolution(Field::Text("valid".into()))]);
    assert_eq!(outputs(&valid, Target::Generic, &inputs), [1.5, 4.5]);
    let wide = chain(&[1.0, 4.0], &[1.0, 6.0], vec![convolution(numbers(&[], &[2.0]))]);
    assert_eq!(outputs(&wide, Target::Generic, &inputs), [4.5, 2.5, 1.5, 4.5, 2.5, 1.5]);
    // Two groups of channels, steps of 2 across.
    let grouped = node(
        "Conv2d",
        &[
            ("weight", numbers(&[2, 1, 1, 1], &[1.0, 3.0])),
            ("bias", numbers(&[2], &[0.0, 0.0])),
            ("stride", numbers(&[2], &[1.0, 2.0])),
            ("padding", numbers(&[2], &[0.0, 0.0])),
            ("dilation", numbers(&[2], &[1.0, 1.0])),
            ("groups", numbers(&[], &[2.0])),
        ],
    );
    let grouped = chain(&[2.0, 1.0, 3.0], &[2.0, 1.0, 2.0], vec![grouped]);
    assert_eq!(outputs(&grouped, Target::Generic, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), [1.0, 3.0, 12.0, 18.0]);
    let pool = |kind: &str, padding: f64| {
        let pair = |value: f64| numbers(&[2], &[value, value]);
        node(kind, &[("kernel_size", pair(2.0)), ("stride", pair(2.0)), ("padding", pair(padding))])
    };
    let sum = chain(&[1.0, 2.0, 2.0], &[1.0, 1.0, 1.0], vec![pool("SumPool2d", 0.0)]);
    assert_eq!(outputs(&sum, Target::Generic, &[1.0, 2.0, 3.0, 4.0]), [10.0]);
    let average = chain(&[1.0, 2.0, 2.0], &[1.0, 2.0, 2.0], vec![pool("AvgPool2d", 1.0)]);
    assert_eq!(outputs(&average, Target::Generic, &[1.0, 2.0, 3.0, 4.0]), [0.25, 0.5, 0.75, 1.0]);
    let flat = node("Flatten", &[("start_dim", numbers(&[], &[0.0])), ("end_dim", numbers(&[], &[-1.0]))]);
    assert_eq!(outputs(&chain(&[1.0, 2.0], &[2.0], vec![flat]), Target::Generic, &[1.0, 2.0]), [1.0, 2.0]);
}

#[test]
fn readers_fire_as_they_do() {
    let ties = chain(&[1.0], &[1.0], vec![integrate(1.0)]);
    let inputs = [1.0, 1.0, 0.5, 2.0];
    assert_eq!(outputs(&ties, Target::Generic, &inputs), [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(outputs(&ties, Target::SpikingJelly, &inputs), [1.0, 1.0, 0.0, 1.0]);
    assert_eq!(outputs(&ties, Target::Sinabs, &inputs), [1.0, 1.0, 0.0, 2.0]);
    // Below minus its threshold a membrane does not go there.
    assert_eq!(outputs(&ties, Target::Sinabs, &[-5.0, 2.0]), [0.0, 1.0]);
    assert_eq!(outputs(&ties, Target::Generic, &[-5.0, 2.0]), [0.0, 0.0]);
    let leaky = node(
        "LIF",
        &[
            ("tau", numbers(&[1], &[2e-4])),
            ("r", numbers(&[1], &[2.0])),
            ("v_leak", numbers(&[1], &[0.5])),
            ("v_threshold", numbers(&[1], &[1.0])),
            ("v_reset", numbers(&[1], &[-1.0])),
        ],
    );
    // v = v / 2 + 1/4 + i: 1.25 fires and goes to -1, then -0.25 and 0.125.
    assert_eq!(
        outputs(&chain(&[1.0], &[1.0], vec![leaky]), Target::Generic, &[1.0, 0.0, 0.0, 1.0]),
        [1.0, 0.0, 0.0, 1.0]
    );
}

#[test]
fn what_is_not_known_is_named() {
    let refused = |contents: &Contents| read(contents).expect_err("refused");
    let sound = chain(&[1.0], &[1.0], vec![integrate(1.0)]);
    let with = |change: &dyn Fn(&mut Contents)| {
        let mut contents = sound.clone();
        change(&mut contents);
        refused(&contents)
    };
    let told = [
        (with(&|c| c.nodes.get_mut("n1").expect("there").kind = "CubaLIF".into()), vec!["n1", "CubaLIF", "Affine"]),
        (with(&|c| c.nodes.get_mut("n1").expect("there").kind = "NIRGraph".into()), vec!["n1", "NIRGraph"]),
        (
            with(&|c| drop(c.nodes.get_mut("n1").expect("there").fields.remove("r"))),
            vec!["\"r\"", "n1", "no such field"],
        ),
        (with(&|c| c.edges.push(["n1".into(), "n1".into()])), vec!["branches", "n1"]),
        (with(&|c| c.edges.push(["n2".into(), "n1".into()])), vec!["merges", "n1"]),
        (with(&|c| drop(c.edges.pop())), vec!["ends with an Output", "n1"]),
        (with(&|c| c.edges[1][1] = "nowhere".into()), vec!["nowhere"]),
        (with(&|c| drop(c.nodes.insert("alone".into(), integrate(1.0)))), vec!["alone", "outside"]),
        (with(&|c| drop(c.nodes.remove("n0"))), vec!["n0"]),
        (
            with(&|c| {
                let field = numbers(&[3], &[1.0, 1.0, 1.0]);
                c.nodes.get_mut("n1").expect("there").fields.insert("v_threshold".into(), field);
            }),
            vec!["(3)", "n1", "(1)"],
        ),
        (
            with(&|c| {
                let field = numbers(&[1], &[f64::NAN]);
                c.nodes.get_mut("n1").expect("there").fields.insert("v_threshold".into(), field);
            }),
            vec!["v_threshold", "n1", "NaN"],
        ),
        (refused(&chain(&[2.0], &[1.0], vec![])), vec!["(1)", "(2)", "n1"]),
        (
            refused(&chain(&[3.0], &[1.0], vec![node("Linear", &[("weight", numbers(&[1, 2], &[1.0, 1.0]))])])),
            vec!["2 numbers", "n1", "(3)"],
        ),
        (
            refused(&chain(&[1.0], &[1.0], vec![node("Linear", &[("weight", numbers(&[2], &[1.0, 1.0]))])])),
            vec!["2 axes", "weight", "n1"],
        ),
        (refused(&chain(&[1.5], &[1.0], vec![])), vec!["whole numbers", "shape", "n0"]),
    ];
    for (message, words) in told {
        for word in words {
            assert!(message.contains(word), "{word}: {message}");
        }
    }
    // A circle behind the input.
    let mut circle = chain(&[1.0], &[1.0], vec![integrate(1.0), integrate(1.0)]);
    circle.edges = [["n0", "n1"], ["n2", "n2"]].map(|pair| pair.map(str::to_owned)).to_vec();
    assert!(refused(&circle).contains("Output"), "{}", refused(&circle));
    // An edge that stands twice is one.
    let mut twice = sound.clone();
    twice.edges.push(twice.edges[0].clone());
    read(&twice).expect("one chain");
}
