//! The nodes that this program knows, with checked shapes, and the order of a chain of them.
//!
//! What comes in and goes out of a node has a shape without batch and time, as NIR's shapes have none. A node that is
//! not known, a branch, a merge, a circle, a shape that does not fit: each is an error that names the node. Nothing
//! is guessed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    array::{Array, shape_name},
    file::{Contents, Field, Fields},
};

/// A graph of known nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The nodes by their names.
    pub nodes: BTreeMap<String, Node>,
    /// Pairs of names: from, to.
    pub edges: Vec<[String; 2]>,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Where spikes come in, of this shape.
    Input(Vec<usize>),
    /// Where the graph ends.
    Output(Vec<usize>),
    /// `y = W x + b` along the last axis.
    Affine {
        /// `[out, in]`.
        weight: Array<f32>,
        /// `[out]`; none of a `Linear` node.
        bias: Option<Vec<f32>>,
    },
    /// Each number times one of its own.
    Scale(Array<f32>),
    /// `Conv1d` or `Conv2d`.
    Convolution(Convolution),
    /// `SumPool2d` or `AvgPool2d` over `[C, H, W]`; padding counts as zeros in the average.
    Pool(Pool),
    /// Axes put together: all from `start` to `end`, this one among them; negative ones count from the end.
    Flatten {
        /// The first axis.
        start: i64,
        /// The last axis.
        end: i64,
    },
    /// `IF` or `LIF`.
    Neurons(Neurons),
}

/// A convolution over one or two axes. Of one axis, the second is as if of size 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// How many axes it goes along: 1 or 2.
    pub axes: usize,
    /// `[C out, C in / groups, K, K]`; the last is 1 for one axis.
    pub weight: Array<f32>,
    /// `[C out]`.
    pub bias: Vec<f32>,
    /// Steps along each axis.
    pub stride: [usize; 2],
    /// Zeros before and after each axis.
    pub padding: [[usize; 2]; 2],
    /// Distances of the kernel's taps.
    pub dilation: [usize; 2],
    /// Groups of channels that see only each other.
    pub groups: usize,
}

/// A pooling of windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Whether the sum is divided by the window's size.
    pub average: bool,
    /// The window.
    pub kernel: [usize; 2],
    /// Steps along each axis.
    pub stride: [usize; 2],
    /// Zeros on each side of each axis.
    pub padding: [usize; 2],
}

/// Neurons that fire, one for each number that comes in.
#[derive(Clone, Debug, PartialEq)]
pub struct Neurons {
    /// Time constants of leaky ones; none of an `IF` node.
    pub tau: Option<Array<f64>>,
    /// Resistances.
    pub r: Array<f64>,
    /// Where leaky membranes go without input.
    pub v_leak: Option<Array<f64>>,
    /// What a membrane must exceed.
    pub v_threshold: Array<f64>,
    /// Where a membrane goes when it has fired; none is 0, and is not written, since older readers do not know the
    /// field.
    pub v_reset: Option<Array<f64>>,
}

/// What is wrong with a graph: what was expected, and what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What was expected, with the node.
    pub expected: String,
    /// What came.
    pub got: String,
}

type Checked<T> = Result<T, Flaw>;

fn refuse<T>(expected: impl Into<String>, got: impl Into<String>) -> Checked<T> {
    Err(Flaw { expected: expected.into(), got: got.into() })
}

/// The kinds of nodes that are known, for errors.
const KNOWN: &str = "Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, IF and LIF";
/// The largest size of an axis, of a stride, of a kernel.
const MOST_SIZE: i64 = 1 << 24;
/// The most numbers that go from one node to the next.
const MOST_SIGNAL: usize = 1 << 26;

impl Graph {
    /// Takes what a file holds for nodes.
    ///
    /// # Errors
    /// Names the node and the field that is missing, of another type or size, or the kind that is not known.
    pub fn of(contents: &Contents) -> Checked<Self> {
        let mut nodes = BTreeMap::new();
        for (name, fields) in &contents.nodes {
            nodes.insert(name.clone(), FieldsOf { name, fields }.node()?);
        }
        let mut edges = contents.edges.clone();
        // Some writers name an edge twice; a sum of a signal with itself is not what they mean.
        let mut seen = BTreeSet::new();
        edges.retain(|edge| seen.insert(edge.clone()));
        Ok(Self { nodes, edges })
    }

    /// What a file is to hold. Shapes that NIR keeps in nodes are those that come in.
    ///
    /// # Errors
    /// As [`Self::chain`].
    pub fn contents(&self) -> Checked<Contents> {
        let nodes = self.chain()?.into_iter().map(|link| (link.name.to_owned(), fields_of(link.node, &link.input)));
        Ok(Contents { nodes: nodes.collect(), edges: self.edges.clone() })
    }

    /// The nodes from the input to the output, each with the shape that comes in and the one that goes out.
    ///
    /// # Errors
    /// If they are no chain, or a shape does not fit.
    pub fn chain(&self) -> Checked<Vec<Link<'_>>> {
        let (mut after, mut before) = (BTreeMap::new(), BTreeMap::new());
        for [from, to] in &self.edges {
            for name in [from, to] {
                if !self.nodes.contains_key(name) {
                    return refuse("edges between nodes that are there", format!("{from:?} -> {to:?}"));
                }
            }
            if let Some(other) = after.insert(from.as_str(), to.as_str()) {
                let got = format!("{from:?} -> {other:?} and {from:?} -> {to:?}");
                return refuse("a chain of nodes without branches", got);
            }
            if let Some(other) = before.insert(to.as_str(), from.as_str()) {
                let got = format!("{other:?} -> {to:?} and {from:?} -> {to:?}");
                return refuse("a chain of nodes without merges", got);
            }
        }
        let inputs: Vec<&String> =
            self.nodes.iter().filter(|(_, node)| matches!(node, Node::Input(_))).map(|(name, _)| name).collect();
        let [first] = inputs[..] else {
            return refuse("one Input node", format!("{} of them", inputs.len()));
        };
        let mut links: Vec<Link> = Vec::new();
        let mut next = Some(first.as_str());
        while let Some(name) = next {
            if links.len() == self.nodes.len() {
                return refuse("a chain of nodes without circles", format!("one that comes back to {name:?}"));
            }
            let (name, node) = self.nodes.get_key_value(name).expect("edges name nodes that are there");
            let input = links.last().map_or_else(Vec::new, |link| link.output.clone());
            if links.is_empty() && before.contains_key(name.as_str()) {
                return refuse("nothing before the Input node", format!("{:?} -> {name:?}", before[name.as_str()]));
            }
            let output = node.output_shape(&input).map_err(|flaw| Flaw {
                expected: format!("{} in the node {name:?} ({})", flaw.expected, node.kind()),
                got: flaw.got,
            })?;
            if output.iter().try_fold(1usize, |all, &size| all.checked_mul(size)).is_none_or(|all| all > MOST_SIGNAL)
            {
                return refuse(format!("at most {MOST_SIGNAL} numbers out of {name:?}"), shape_name(&output));
            }
            links.push(Link { name, node, input, output });
            next = after.get(name.as_str()).copied();
        }
        let last = &links[links.len() - 1];
        if !matches!(last.node, Node::Output(_)) {
            return refuse("a chain that ends with an Output node", format!("{:?} at its end", last.name));
        }
        if let Some(early) = links[..links.len() - 1].iter().find(|link| matches!(link.node, Node::Output(_))) {
            return refuse("one Output node, at the end", format!("{:?} before it", early.name));
        }
        let linked: BTreeSet<&str> = links.iter().map(|link| link.name).collect();
        if let Some(alone) = self.nodes.keys().find(|name| !linked.contains(name.as_str())) {
            return refuse(
                "every node in the chain from the Input to the Output",
                format!("{alone:?} outside of it"),
            );
        }
        Ok(links)
    }
}

/// A node in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Link<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub node: &'a Node,
    /// The shape of what comes in; nothing for the input.
    pub input: Vec<usize>,
    /// The shape of what goes out.
    pub output: Vec<usize>,
}

impl Node {
    /// What it is called in files.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input(_) => "Input",
            Self::Output(_) => "Output",
            Self::Affine { bias: Some(_), .. } => "Affine",
            Self::Affine { bias: None, .. } => "Linear",
            Self::Scale(_) => "Scale",
            Self::Convolution(convolution) if convolution.axes == 1 => "Conv1d",
            Self::Convolution(_) => "Conv2d",
            Self::Pool(pool) if pool.average => "AvgPool2d",
            Self::Pool(_) => "SumPool2d",
            Self::Flatten { .. } => "Flatten",
            Self::Neurons(neurons) if neurons.tau.is_some() => "LIF",
            Self::Neurons(_) => "IF",
        }
    }

    /// How many weights and biases it has.
    #[must_use]
    pub fn numbers(&self) -> usize {
        match self {
            Self::Affine { weight, bias } => weight.values.len() + bias.as_ref().map_or(0, Vec::len),
            Self::Scale(scale) => scale.values.len(),
            Self::Convolution(convolution) => convolution.weight.values.len() + convolution.bias.len(),
            Self::Input(_) | Self::Output(_) | Self::Pool(_) | Self::Flatten { .. } | Self::Neurons(_) => 0,
        }
    }

    fn output_shape(&self, input: &[usize]) -> Checked<Vec<usize>> {
        match self {
            Self::Input(shape) => Ok(shape.clone()),
            // Some writers put one number in its own axis.
            Self::Output(shape) if shape == input => Ok(input.to_vec()),
            Self::Output(shape) => refuse(format!("{} to come in", shape_name(shape)), shape_name(input)),
            Self::Affine { weight, .. } => match input.split_last() {
                Some((&last, first)) if last == weight.shape[1] => Ok([first, &weight.shape[..1]].concat()),
                _ => refuse(format!("{} numbers along the last axis to come in", weight.shape[1]), shape_name(input)),
            },
            Self::Scale(scale) => {
                if scale.values.len() == 1 || scale.shape == input {
                    Ok(input.to_vec())
                } else {
                    refuse(format!("{} to come in", shape_name(&scale.shape)), shape_name(input))
                }
            }
            Self::Convolution(convolution) => convolution.output_shape(input),
            Self::Pool(pool) => pool.output_shape(input),
            Self::Flatten { start, end } => {
                let axis = |at: i64| if at < 0 { at + input.len() as i64 } else { at };
                let (start, end) = (axis(*start), axis(*end));
                if start < 0 || end < start || end >= input.len() as i64 {
                    return refuse(format!("axes {start} to {end} to come in"), shape_name(input));
                }
                let (start, end) = (start as usize, end as usize);
                Ok([&input[..start], &[input[start..=end].iter().product()], &input[end + 1..]].concat())
            }
            Self::Neurons(neurons) => {
                for array in neurons.arrays() {
                    if array.values.len() != 1 && array.shape != input {
                        return refuse(format!("{} to come in", shape_name(&array.shape)), shape_name(input));
                    }
                }
                Ok(input.to_vec())
            }
        }
    }
}

impl Neurons {
    fn arrays(&self) -> impl Iterator<Item = &Array<f64>> {
        [Some(&self.r), Some(&self.v_threshold), self.tau.as_ref(), self.v_leak.as_ref(), self.v_reset.as_ref()]
            .into_iter()
            .flatten()
    }
}

/// How often a window fits into an axis.
fn windows(size: usize, padding: usize, reach: usize, stride: usize) -> Option<usize> {
    (size + padding).checked_sub(reach).map(|room| room / stride + 1)
}

impl Convolution {
    fn output_shape(&self, input: &[usize]) -> Checked<Vec<usize>> {
        let shape = &self.weight.shape;
        let channels = shape[1] * self.groups;
        let sizes = match *input {
            [got, height] if self.axes == 1 && got == channels => [height, 1],
            [got, height, width] if self.axes == 2 && got == channels => [height, width],
            _ => {
                let axes = if self.axes == 1 { "N" } else { "H, W" };
                return refuse(format!("({channels}, {axes}) to come in"), shape_name(input));
            }
        };
        let mut output = vec![shape[0]];
        for (axis, &size) in sizes.iter().enumerate().take(self.axes) {
            let reach = self.dilation[axis] * (shape[2 + axis] - 1) + 1;
            match windows(size, self.padding[axis].iter().sum(), reach, self.stride[axis]) {
                Some(fits) => output.push(fits),
                None => return refuse(format!("at least {reach} numbers along axis {axis}"), shape_name(input)),
            }
        }
        Ok(output)
    }
}

impl Pool {
    fn output_shape(&self, input: &[usize]) -> Checked<Vec<usize>> {
        let [channels, height, width] = *input else {
            return refuse("(C, H, W) to come in", shape_name(input));
        };
        let fits = |axis: usize, size| windows(size, 2 * self.padding[axis], self.kernel[axis], self.stride[axis]);
        match (fits(0, height), fits(1, width)) {
            (Some(height), Some(width)) => Ok(vec![channels, height, width]),
            _ => refuse(format!("at least a window of {:?} to come in", self.kernel), shape_name(input)),
        }
    }
}

/// A node as it stands in a file, to be understood.
struct FieldsOf<'a> {
    name: &'a str,
    fields: &'a Fields,
}

impl FieldsOf<'_> {
    fn node(&self) -> Checked<Node> {
        match self.fields.kind.as_str() {
            "Input" => self.shape("shape").map(Node::Input),
            "Output" => self.shape("shape").map(Node::Output),
            "Affine" => {
                let weight = self.weight(2)?;
                let bias = self.array("bias", &[weight.shape[0]])?;
                Ok(Node::Affine { weight, bias: Some(bias) })
            }
            "Linear" => Ok(Node::Affine { weight: self.weight(2)?, bias: None }),
            "Scale" => Ok(Node::Scale(single(&self.numbers("scale")?))),
            "Conv1d" => self.convolution(1).map(Node::Convolution),
            "Conv2d" => self.convolution(2).map(Node::Convolution),
            "SumPool2d" | "AvgPool2d" => {
                let kernel = self.pair("kernel_size", 1)?;
                let (stride, padding) = (self.pair("stride", 1)?, self.pair("padding", 0)?);
                Ok(Node::Pool(Pool { average: self.fields.kind == "AvgPool2d", kernel, stride, padding }))
            }
            "Flatten" => Ok(Node::Flatten { start: self.whole("start_dim")?, end: self.whole("end_dim")? }),
            "IF" | "LIF" => self.neurons(self.fields.kind == "LIF").map(Node::Neurons),
            kind => refuse(format!("nodes of the kinds {KNOWN}"), format!("{:?}, which is {kind}", self.name)),
        }
    }

    fn refuse<T>(&self, field: &str, expected: &str, got: impl Into<String>) -> Checked<T> {
        refuse(format!("{expected} as {field:?} of the node {:?} ({})", self.name, self.fields.kind), got)
    }

    fn numbers(&self, field: &str) -> Checked<Array<f64>> {
        let array = self.any_numbers(field)?;
        match array.values.iter().position(|value| !value.is_finite()) {
            Some(at) => self.refuse(field, "finite numbers", format!("{} at index {at}", array.values[at])),
            None => Ok(array),
        }
    }

    /// Numbers, also infinite ones: a membrane that keeps everything is one that leaks in infinite time.
    fn any_numbers(&self, field: &str) -> Checked<Array<f64>> {
        let array = match self.fields.fields.get(field) {
            None => return self.refuse(field, "numbers", "no such field"),
            Some(Field::Text(text)) => return self.refuse(field, "numbers", format!("the text {text:?}")),
            Some(Field::Numbers(array)) => {
                Array { shape: array.shape.clone(), values: array.values.iter().map(|&x| x.into()).collect() }
            }
            Some(Field::Precise(array)) => array.clone(),
            Some(Field::Whole(array)) => {
                Array { shape: array.shape.clone(), values: array.values.iter().map(|&x| x as f64).collect() }
            }
        };
        match array.values.iter().position(|value| value.is_nan()) {
            Some(at) => self.refuse(field, "numbers", format!("NaN at index {at}")),
            None => Ok(array),
        }
    }

    /// Weights of `axes` axes, none of them empty.
    fn weight(&self, axes: usize) -> Checked<Array<f32>> {
        let weight = single(&self.numbers("weight")?);
        if weight.shape.len() != axes || weight.values.is_empty() {
            return self.refuse("weight", &format!("{axes} axes"), shape_name(&weight.shape));
        }
        Ok(weight)
    }

    fn array(&self, field: &str, shape: &[usize]) -> Checked<Vec<f32>> {
        let array = single(&self.numbers(field)?);
        if array.shape != shape {
            return self.refuse(field, &shape_name(shape), shape_name(&array.shape));
        }
        Ok(array.values)
    }

    /// Whole numbers from `least` on.
    fn wholes(&self, field: &str, least: i64) -> Checked<Vec<usize>> {
        let array = self.numbers(field)?;
        let whole = |&value: &f64| value.fract() == 0.0 && value >= least as f64 && value <= MOST_SIZE as f64;
        match array.values.iter().position(|value| !whole(value)) {
            Some(at) => {
                let expected = format!("whole numbers from {least} to {MOST_SIZE}");
                self.refuse(field, &expected, format!("{} at index {at}", array.values[at]))
            }
            None => Ok(array.values.iter().map(|&value| value as usize).collect()),
        }
    }

    fn shape(&self, field: &str) -> Checked<Vec<usize>> {
        match self.wholes(field, 1)? {
            sizes if (1..=8).contains(&sizes.len()) => Ok(sizes),
            sizes => self.refuse(field, "sizes of 1 to 8 axes", format!("{} sizes", sizes.len())),
        }
    }

    fn whole(&self, field: &str) -> Checked<i64> {
        let array = self.numbers(field)?;
        match array.values[..] {
            [value] if value.fract() == 0.0 && value.abs() < MOST_SIZE as f64 => Ok(value as i64),
            _ => self.refuse(field, "a whole number", format!("{:?}", array.values)),
        }
    }

    /// Two whole numbers, or one for both axes.
    fn pair(&self, field: &str, least: i64) -> Checked<[usize; 2]> {
        match self.wholes(field, least)?[..] {
            [one] => Ok([one; 2]),
            [first, second] => Ok([first, second]),
            ref more => self.refuse(field, "a number for each of two axes", format!("{more:?}")),
        }
    }

    fn convolution(&self, axes: usize) -> Checked<Convolution> {
        let mut weight = self.weight(2 + axes)?;
        let outputs = weight.shape[0];
        let pair = |field: &str, least| match axes {
            1 => match self.wholes(field, least)?[..] {
                [one] => Ok([one, least as usize]),
                ref more => self.refuse(field, "one number", format!("{more:?}")),
            },
            _ => self.pair(field, least),
        };
        let (stride, dilation) = (pair("stride", 1)?, pair("dilation", 1)?);
        if axes == 1 {
            weight.shape.push(1);
        }
        let groups = match self.wholes("groups", 1)?[..] {
            [groups] if outputs.is_multiple_of(groups) => groups,
            ref other => return self.refuse("groups", &format!("a divisor of {outputs}"), format!("{other:?}")),
        };
        let padding = match self.fields.fields.get("padding") {
            Some(Field::Text(text)) if text == "valid" => [[0; 2]; 2],
            // As PyTorch has it, which takes this for steps of 1 alone: the odd zero comes last.
            Some(Field::Text(text)) if text == "same" && stride == [1; 2] => [0, 1].map(|axis| {
                let all = dilation[axis] * (weight.shape[2 + axis] - 1);
                [all / 2, all - all / 2]
            }),
            Some(Field::Text(text)) => {
                return self.refuse("padding", "numbers, \"valid\" or, with steps of 1, \"same\"", text.clone());
            }
            _ => pair("padding", 0)?.map(|size| [size; 2]),
        };
        let bias = self.array("bias", &[outputs])?;
        Ok(Convolution { axes, weight, bias, stride, padding, dilation, groups })
    }

    fn neurons(&self, leaky: bool) -> Checked<Neurons> {
        let (r, v_threshold) = (self.any_numbers("r")?, self.numbers("v_threshold")?);
        let tau = if leaky { Some(self.any_numbers("tau")?) } else { None };
        if tau.as_ref().is_some_and(|tau| tau.values.iter().any(|&tau| tau <= 0.0)) {
            return self.refuse("tau", "numbers above 0", "others");
        }
        let v_leak = if leaky { Some(self.numbers("v_leak")?) } else { None };
        let v_reset = if self.fields.fields.contains_key("v_reset") { Some(self.numbers("v_reset")?) } else { None };
        let neurons = Neurons { tau, r, v_leak, v_threshold, v_reset };
        if neurons.arrays().any(|array| array.values.is_empty()) {
            return self.refuse("v_threshold", "a number for each neuron", "none");
        }
        Ok(neurons)
    }
}

fn single(array: &Array<f64>) -> Array<f32> {
    Array { shape: array.shape.clone(), values: array.values.iter().map(|&value| value as f32).collect() }
}

/// A node as a file holds it.
fn fields_of(node: &Node, input: &[usize]) -> Fields {
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, field| fields.insert(name.to_owned(), field);
    let wholes = |values: &[usize]| {
        Field::Whole(Array::new(vec![values.len()], values.iter().map(|&value| value as i64).collect()))
    };
    let whole = |value: i64| Field::Whole(Array::new(Vec::new(), vec![value]));
    let row = |values: &[f32]| Field::Numbers(Array::new(vec![values.len()], values.to_vec()));
    // Readers mix these with their weights, which are of single precision.
    let narrow = |array: &Array<f64>| Field::Numbers(single(array));
    match node {
        Node::Input(shape) | Node::Output(shape) => {
            put("shape", wholes(shape));
        }
        Node::Affine { weight, bias } => {
            put("weight", Field::Numbers(weight.clone()));
            if let Some(bias) = bias {
                put("bias", row(bias));
            }
        }
        Node::Scale(scale) => {
            put("scale", Field::Numbers(scale.clone()));
        }
        Node::Convolution(convolution) => {
            let Convolution { axes, weight, bias, stride, padding, dilation, groups } = convolution;
            let mut weight = weight.clone();
            weight.shape.truncate(2 + axes);
            let own = |pair: &[usize; 2]| if *axes == 1 { whole(pair[0] as i64) } else { wholes(pair) };
            put("weight", Field::Numbers(weight));
            put("bias", row(bias));
            put("input_shape", if *axes == 1 { whole(input[1] as i64) } else { wholes(&input[1..]) });
            put("stride", own(stride));
            // Zeros that are not the same on both sides come of the word alone.
            let even = padding.iter().all(|[before, after]| before == after);
            put("padding", if even { own(&padding.map(|[before, _]| before)) } else { Field::Text("same".into()) });
            put("dilation", own(dilation));
            put("groups", whole(*groups as i64));
        }
        Node::Pool(Pool { kernel, stride, padding, .. }) => {
            put("kernel_size", wholes(kernel));
            put("stride", wholes(stride));
            put("padding", wholes(padding));
        }
        Node::Flatten { start, end } => {
            put("start_dim", whole(*start));
            put("end_dim", whole(*end));
            put("input_type", wholes(input));
        }
        Node::Neurons(Neurons { tau, r, v_leak, v_threshold, v_reset }) => {
            put("r", narrow(r));
            put("v_threshold", narrow(v_threshold));
            for (name, array) in [("tau", tau), ("v_leak", v_leak), ("v_reset", v_reset)] {
                if let Some(array) = array {
                    put(name, narrow(array));
                }
            }
        }
    }
    Fields { kind: node.kind().to_owned(), fields }
}
