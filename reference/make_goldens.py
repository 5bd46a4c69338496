#!/usr/bin/env python3
"""Makes the golden files: small inputs with the spikes, losses and gradients that PyTorch and snnTorch get from them.

The Rust tests read the files and must find the same numbers. How to run (from this folder):

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python make_goldens.py                   # writes ../testdata/golden/*.json
    venv/bin/python make_goldens.py --out some_folder

Each golden has one function below, whose docstring tells the indices of what it records. README.md has the table.

Axes: T time step, B batch (text), L token position, D input dimension, P convolution position, F filter of one
kernel width, K class, N neuron. Numbers are float32, written with the fewest digits that read back to the same float32.

No rounding may decide a spike, a rectifier or a maximum: where two sides of a decision come closer than MARGIN, the
next seed is tried. A correct implementation that adds in another order therefore makes the same decisions.
"""
import argparse
import itertools
import json
import math
from importlib.metadata import version
from pathlib import Path

import numpy as np
import snntorch
import snntorch.functional
import snntorch.surrogate
import torch
import torch.nn.functional as F

SLOPE = 25.0  # k of the fast sigmoid
MARGIN = 1e-4
WIDTHS = (3, 4, 5)
FILTERS = 6


# ---------------------------------------------------------------------------------------------------------------------
# The neuron, in our own words: the rule that spiketext follows.


class FastSigmoidSpike(torch.autograd.Function):
    """Forward: 1 where x > 0, else 0. Backward: the step's derivative is replaced by 1 / (1 + SLOPE |x|)^2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (SLOPE * x.abs() + 1.0) ** 2


class OurNeuron:
    """Leaky integrate-and-fire that fires on strict > and resets in the same step.

    charge u' = beta u + i; fire s = 1 if u' > theta else 0; reset u = u' - theta s ("subtract") or u = (1 - s) u'
    ("zero"). With `attached` the gradient also flows through the s of the reset; otherwise that s is a constant.
    A call gives (s, u'); `self.u` is the membrane after the reset.
    """

    def __init__(self, beta, threshold, reset="subtract", attached=False):
        self.beta, self.threshold, self.reset, self.attached = beta, threshold, reset, attached
        self.u = None

    def __call__(self, current):
        u = torch.zeros_like(current) if self.u is None else self.u
        charged = torch.tensor(self.beta, dtype=current.dtype) * u + current
        threshold = torch.tensor(self.threshold, dtype=torch.float32).to(current.dtype)
        spike = FastSigmoidSpike.apply(charged - threshold)
        resetting = spike if self.attached else spike.detach()
        self.u = charged - threshold * resetting if self.reset == "subtract" else (1 - resetting) * charged
        return spike, charged


def leaky(beta, threshold, **options):
    """snnTorch's neuron with the surrogate that all goldens use."""
    return snntorch.Leaky(beta, threshold, spike_grad=snntorch.surrogate.fast_sigmoid(slope=SLOPE), **options)


# ---------------------------------------------------------------------------------------------------------------------
# lif_forward_backward.json

# How snnTorch 1.0.0 resets (snntorch/_neurons/leaky.py), and where that is our rule. Write m for its stored membrane.
#
# reset_delay=True, its default: r = H(m - theta) from the membrane of the step before, detached; then
#   "subtract": m <- beta m + i - r theta.    The decay takes the membrane that was not yet reset, so this is our rule
#       with beta (u' - theta s) + i replaced by beta u' - theta s + i: equal for beta = 1, and only then.
#   "zero":     m <- beta (1 - r) m + i.      Equal to ours for every beta; m is our u'.
#   Either way the reset is detached: `input_gradient_detached`.
#
# reset_delay=False: the delayed step first, with r from a membrane that has already been reset; fire s = H(m - theta);
#   then m <- m - (s - r) theta, or m - (s - r) m; here s is NOT detached, so this is `input_gradient_attached`.
#   "subtract": while no membrane is above theta after its reset, r = 0 and it is our rule. Above theta (a neuron driven
#       so hard that it fires at every step and still runs a surplus) r = 1 takes theta away before the firing decision
#       and gives it back after it: the spike can be missing, and our rule differs. Each case counts those spikes.
#   "zero":     no membrane is above theta after its reset, so r = 0 and it is always our rule.
#
# So for "subtract" with beta < 1 and a hard drive no snnTorch mode is our rule. What is equal for every case is its
# neuron with reset_mechanism="none" (charge and fire are snnTorch's) and the subtraction done between the steps.

MIXED_DRIVE = {  # the seven neurons: mean and spread of the input current, in thresholds
    "mean": [0.15, 0.5, 2.6, -0.4, 0.1, 1.2, 0.0],
    "spread": [0.1, 0.4, 0.9, 0.6, 0.9, 0.3, 2.0],
}


def run_neuron(neuron, currents, upstream):
    """Runs a neuron over currents [T,N]; gives spikes, membrane before reset, and d sum(upstream * spikes) / d currents."""
    currents = currents.clone().requires_grad_()
    spikes, charged = (torch.stack(x) for x in zip(*(neuron(current) for current in currents)))
    (gradient,) = torch.autograd.grad((upstream * spikes).sum(), currents)
    return spikes.detach(), charged.detach(), gradient


def snntorch_with_our_reset(beta, threshold, reset):
    """snnTorch's neuron in the form that equals our rule for every drive, reset detached (see the comment above)."""
    neuron = leaky(beta, threshold, reset_mechanism="none" if reset == "subtract" else "zero")
    membrane = None

    def step(current):
        nonlocal membrane
        spike, charged = neuron(current, torch.zeros_like(current) if membrane is None else membrane)
        membrane = charged - neuron.threshold * spike.detach() if reset == "subtract" else charged
        return spike, charged

    return step


def snntorch_as_it_comes(beta, threshold, reset, delay):
    neuron = leaky(beta, threshold, reset_mechanism=reset, reset_delay=delay)
    return lambda current: neuron(current)


def lif_case(beta, threshold, steps, reset, drive, seed):
    """One case, or None when a membrane comes too close to the threshold or the case shows too little."""
    random = np.random.default_rng(seed)
    if drive == "mixed":
        currents = np.array(MIXED_DRIVE["mean"]) + np.array(MIXED_DRIVE["spread"]) * random.standard_normal((steps, 7))
    else:  # at most one threshold a step: no membrane is above the threshold after its reset
        currents = random.uniform(-0.4, 1.0, (steps, 7))
    currents = torch.tensor(currents * threshold, dtype=torch.float32)
    upstream = torch.tensor(random.standard_normal((steps, 7)), dtype=torch.float32)

    # Our rule, membranes included.
    neuron, membranes = OurNeuron(beta, threshold, reset), []
    for current in currents:
        neuron(current)
        membranes.append(neuron.u)
    membranes = torch.stack(membranes)
    spikes, charged, detached = run_neuron(OurNeuron(beta, threshold, reset), currents, upstream)
    _, _, attached = run_neuron(OurNeuron(beta, threshold, reset, attached=True), currents, upstream)
    if (charged - threshold).abs().min() <= MARGIN:
        return None

    if (detached - attached).abs().max() < 1e-3:  # the case must tell the two gradients apart
        return None

    # snnTorch: to the last bit in the equal form ...
    theirs = run_neuron(snntorch_with_our_reset(beta, threshold, reset), currents, upstream)
    assert all(torch.equal(a, b) for a, b in zip(theirs, (spikes, charged, detached)))
    # ... up to rounding in its delayed mode, where that is our rule ...
    delayed = run_neuron(snntorch_as_it_comes(beta, threshold, reset, True), currents, upstream)
    if beta == 1.0 or reset == "zero":
        assert torch.equal(delayed[0], spikes)
        torch.testing.assert_close(delayed[1], charged, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(delayed[2], detached, rtol=1e-4, atol=1e-5)
    # ... and in its immediate mode, which attaches the reset.
    immediate = run_neuron(snntorch_as_it_comes(beta, threshold, reset, False), currents, upstream)
    if drive == "moderate" or reset == "zero":
        assert (membranes <= threshold).all()
        assert torch.equal(immediate[0], spikes)
        # m is here the membrane after the reset
        torch.testing.assert_close(immediate[1], membranes, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(immediate[2], attached, rtol=1e-4, atol=1e-5)
    elif reset == "subtract":
        assert (membranes > threshold).any()
    # Rounding: the same in float64.
    for our_attached, gradient in ((False, detached), (True, attached)):
        precise = run_neuron(OurNeuron(beta, threshold, reset, our_attached), currents.double(), upstream.double())
        assert torch.equal(precise[0].float(), spikes)
        torch.testing.assert_close(precise[2].float(), gradient, rtol=1e-4, atol=1e-5)

    return {
        "beta": beta, "threshold": threshold, "reset": reset, "drive": drive, "steps": steps, "neurons": 7, "seed": seed,
        "input": floats(currents), "upstream_gradient": floats(upstream),
        "spikes": integers(spikes), "membrane": floats(membranes),
        "input_gradient_detached": floats(detached), "input_gradient_attached": floats(attached),
        "loss": number((upstream * spikes).sum()),
        "spikes_that_differ_in_snntorch_delayed": int((delayed[0] != spikes).sum()),
        "spikes_that_differ_in_snntorch_immediate": int((immediate[0] != spikes).sum()),
    }


def lif_forward_backward():
    """One neuron layer, forward and back: `cases`, a list. Every array is [T][N], from a membrane of zero.

    beta x threshold x T, each with soft reset ("subtract") on a mixed drive (below threshold, strong, negative) and
    on a moderate one (never above the threshold after the reset), and with hard reset to zero on the mixed drive.
    `membrane` is after the reset. The loss is sum(upstream_gradient * spikes); its gradient with respect to `input` is
    given with the reset's spike held constant (detached, as snnTorch's default) and with gradient through it (attached).
    """
    cases = []
    kinds = (("subtract", "mixed"), ("subtract", "moderate"), ("zero", "mixed"))
    settings = itertools.product(kinds, (1.0, 0.9), (1.0, 0.5), (6, 20))
    for number_of_case, ((reset, drive), beta, threshold, steps) in enumerate(settings):
        cases.append(first_seed(1000 * (number_of_case + 1), lif_case, beta, threshold, steps, reset, drive))
    assert any(case["spikes_that_differ_in_snntorch_immediate"] for case in cases)
    return {
        "about": "u' = beta u + i; spike if u' > threshold; then u = u' - threshold (subtract) or u = 0 (zero), same step",
        "surrogate": {"name": "fast_sigmoid", "slope": SLOPE},
        "made_by": versions(),
        "cases": cases,
    }


# ---------------------------------------------------------------------------------------------------------------------
# surrogate_values.json


def surrogate_values():
    """Derivatives that stand in for the step's: `x` [n] and for every family `derivative` [n]; x is u' - threshold.

    The numbers of snnTorch's three families are read off its backward pass, not computed from the formula beside
    them; the script checks that the two agree. `triangle` is the usual tent, which snnTorch does not have: what it calls
    triangular is a constant with a change of sign, and no triangle.
    """
    grid = torch.tensor([i / 20 for i in range(-40, 41)] + [-0.01, -0.001, 0.001, 0.01], dtype=torch.float32).sort().values

    def derivative(step):
        x = grid.clone().requires_grad_()
        return torch.autograd.grad(step(x).sum(), x)[0]

    families = {
        "fast_sigmoid": {
            "parameters": {"slope": SLOPE}, "from": "snntorch.surrogate.fast_sigmoid(slope=25)",
            "formula": "one over the square of (1 + slope times |x|)",
            "derivative": derivative(snntorch.surrogate.fast_sigmoid(slope=SLOPE)),
        },
        "atan": {
            "parameters": {"alpha": 2.0}, "from": "snntorch.surrogate.atan(alpha=2.0)",
            "formula": "(alpha / 2) over (1 + the square of (pi / 2 times alpha times x)); snnTorch's documentation divides "
                       "by pi as well, its code does not, and these are the code's values",
            "derivative": derivative(snntorch.surrogate.atan(alpha=2.0)),
        },
        "snntorch_triangular": {
            "parameters": {"threshold": 1.0}, "from": "snntorch.surrogate.triangular(threshold=1)",
            "formula": "plus threshold where x < 0, minus threshold where x >= 0: not a triangle, and negative above the "
                       "threshold; recorded to know it, not to use it",
            "derivative": derivative(snntorch.surrogate.triangular(threshold=1)),
        },
        "triangle": {
            "parameters": {"width": 1.0}, "from": "own words in plain PyTorch; not in snnTorch",
            "formula": "the larger of 0 and 1 - |x| / width, divided by width",
            "derivative": (1 - grid.abs()).clamp(min=0),
        },
    }
    x = grid.double()
    formulas = {
        "fast_sigmoid": 1 / (1 + SLOPE * x.abs()) ** 2,
        "atan": 1 / (1 + (math.pi * x) ** 2),
        "snntorch_triangular": torch.where(x < 0, 1.0, -1.0),
        "triangle": torch.relu(1 - x.abs()),
    }
    for name, family in families.items():
        torch.testing.assert_close(family["derivative"].double(), formulas[name].double(), rtol=1e-6, atol=1e-6)
        family["derivative"] = floats(family["derivative"])
    return {"made_by": versions(), "x": floats(grid), "families": families}


# ---------------------------------------------------------------------------------------------------------------------
# paper_network.json

# The average of 0/1 spikes over P positions is a multiple of 1/P, and sums of those land on a threshold of 1 exactly,
# again and again, whatever the weights are. So the pool neurons alone get a threshold off every such grid.
PAPER_THRESHOLDS = {"conv": 1.0, "pool": 0.8371, "out": 1.0}


def run_paper_network(inputs, conv_weights, linear_weight, new_neuron):
    """inputs [T,B,L,D] of 0 and 1; `new_neuron(threshold)` makes a layer (input -> spikes, membrane before reset).

    Gives spikes of conv layers (a list of [T,B,F,P]), of the pool layer [T,B,3F] and of the output [T,B,K], and
    the smallest distance of any membrane from its threshold.
    """
    conv_neurons = [new_neuron(PAPER_THRESHOLDS["conv"]) for _ in WIDTHS]
    pool_neurons = [new_neuron(PAPER_THRESHOLDS["pool"]) for _ in WIDTHS]
    out_neuron = new_neuron(PAPER_THRESHOLDS["out"])
    record, margin = {"conv": [[] for _ in WIDTHS], "pool": [], "out": []}, math.inf

    def fire(neuron, current, layer):
        nonlocal margin
        spikes, charged = neuron(current)
        margin = min(margin, (charged - PAPER_THRESHOLDS[layer]).abs().min().item())
        return spikes

    for step in inputs:
        pooled = []
        for branch, weight in enumerate(conv_weights):
            current = F.conv2d(step.unsqueeze(1), weight.unsqueeze(1)).squeeze(3)  # [B,F,P]
            spikes = fire(conv_neurons[branch], current, "conv")
            record["conv"][branch].append(spikes)
            pooled.append(fire(pool_neurons[branch], spikes.mean(2), "pool"))
        pooled = torch.cat(pooled, 1)
        record["pool"].append(pooled)
        record["out"].append(fire(out_neuron, F.linear(pooled, linear_weight), "out"))
    return [torch.stack(s) for s in record["conv"]], torch.stack(record["pool"]), torch.stack(record["out"]), margin


def paper_case(seed):
    steps, texts, length, dim, classes, lengths = 12, 3, 9, 10, 2, [9, 7, 5]
    random = np.random.default_rng(seed)
    rates = random.uniform(0.1, 0.9, (texts, length, dim))
    real = np.arange(length)[None, :, None] < np.array(lengths)[:, None, None]
    inputs = torch.tensor((random.random((steps, texts, length, dim)) < rates) & real, dtype=torch.float32)
    # Mean current about 0.35 a step, every filter with a factor of its own.
    conv_weights = [
        torch.tensor(
            (0.07 / width + 0.1 * random.standard_normal((FILTERS, width, dim))) * random.uniform(0.7, 1.4, (FILTERS, 1, 1)),
            dtype=torch.float32)
        for width in WIDTHS
    ]
    linear_weight = torch.tensor(
        (0.05 + 0.17 * random.standard_normal((classes, 3 * FILTERS))) * random.uniform(0.8, 1.3, (classes, 1)),
        dtype=torch.float32)
    labels = torch.tensor([0, 1, 1])

    def run(new_neuron, dtype):
        weights = [w.to(dtype).requires_grad_() for w in (*(c.clone() for c in conv_weights), linear_weight.clone())]
        conv, pool, out, margin = run_paper_network(inputs.to(dtype), weights[:-1], weights[-1], new_neuron)
        loss = snntorch.functional.ce_rate_loss()(out, labels).mean()
        gradients = torch.autograd.grad(loss, weights)
        return [s.detach() for s in conv], pool.detach(), out.detach(), margin, loss.detach(), gradients

    def snntorch_neuron(threshold):
        neuron = leaky(1.0, threshold)  # delayed subtraction: our rule, because beta is 1
        return lambda current: neuron(current)

    conv, pool, out, margin, loss, gradients = run(snntorch_neuron, torch.float32)
    if margin <= MARGIN:
        return None
    firing_rates = {"conv": [number(s.mean()) for s in conv], "pool": number(pool.mean()), "out": number(out.mean())}
    if not all(0.1 <= rate <= 0.6 for rate in (*firing_rates["conv"], firing_rates["pool"], firing_rates["out"])):
        return None
    if any(out[:, :, k].sum() == 0 for k in range(classes)) or any(g.abs().max() < 1e-5 for g in gradients):
        return None

    # Our neuron in float64 gives the same spikes, loss and gradients.
    ours = run(lambda threshold: OurNeuron(1.0, threshold), torch.float64)
    assert all(torch.equal(a, b.float()) for a, b in zip((*conv, pool, out), (*ours[0], ours[1], ours[2])))
    torch.testing.assert_close(loss, ours[4].float(), rtol=1e-6, atol=1e-6)
    for theirs, precise in zip(gradients, ours[5]):
        torch.testing.assert_close(theirs, precise.float(), rtol=1e-4, atol=1e-7)

    return {
        "shape": {"steps": steps, "batch": texts, "length": length, "dim": dim, "filters": FILTERS, "classes": classes},
        "widths": list(WIDTHS), "lengths": lengths, "labels": labels.tolist(),
        "beta": 1.0, "thresholds": PAPER_THRESHOLDS, "seed": seed, "margin": number(torch.tensor(margin)),
        "firing_rates": firing_rates,
        "input_spikes": integers(inputs),
        "conv_weights": [floats(w) for w in conv_weights], "linear_weight": floats(linear_weight),
        "conv_spike_counts": integers(torch.cat([s.sum((0, 3)) for s in conv], 1)),
        "pool_spikes": integers(pool), "output_spikes": integers(out), "loss": number(loss),
        "conv_weight_gradients": [floats(g) for g in gradients[:-1]], "linear_weight_gradient": floats(gradients[-1]),
    }


def paper_network():
    """The paper's spiking TextCNN in snnTorch, every branch and layer with its own neurons; no biases, beta 1, soft reset.

    Conv (widths 3, 4, 5) -> neurons on [B,F,P] -> average over all P = L - width + 1 positions -> neurons -> concatenate
    (width 3's filters first) -> linear -> neurons. Texts shorter than L end in positions without spikes.
    `input_spikes` [T][B][L][D]; `conv_weights` and `conv_weight_gradients`: for each width [F][width][D];
    `linear_weight` and its gradient [K][3F]; `conv_spike_counts` [B][3F] over time and positions; `pool_spikes`
    [T][B][3F]; `output_spikes` [T][B][K]. Loss: mean over t and texts of the cross-entropy of softmax(output_spikes[t]);
    gradients with the reset detached. `thresholds.pool` is off the grid of averages on purpose (see PAPER_THRESHOLDS).
    """
    return {
        "about": "paper's spiking TextCNN, widths 3 4 5, one neuron state per branch and layer, reset detached",
        "surrogate": {"name": "fast_sigmoid", "slope": SLOPE},
        "made_by": versions(),
        **first_seed(1, paper_case),
    }


# ---------------------------------------------------------------------------------------------------------------------
# text_cnn.json


def masked_text_cnn(inputs, lengths, parameters, pooling):
    """The batched form: inputs [B,L,D], zeros past each length. Gives pooled features [B,3F], logits [B,K] and, for the
    ties check, a list of pre-activations [B,F,P] with the mask of valid positions [B,1,P]."""
    *convs, (linear_weight, linear_bias) = parameters
    token = (torch.arange(inputs.shape[1])[None, :] < lengths[:, None]).unsqueeze(2)
    inputs = inputs * token  # padding is silent, and gets no gradient
    features, activations = [], []
    for weight, bias in convs:
        width = weight.shape[1]
        current = F.conv2d(inputs.unsqueeze(1), weight.unsqueeze(1), bias).squeeze(3)  # [B,F,P]
        positions = (lengths - width + 1).clamp(min=1)  # a text shorter than the kernel has the one position 0
        valid = (torch.arange(current.shape[2])[None, :] < positions[:, None]).unsqueeze(1)
        if pooling == "average":
            features.append((torch.relu(current) * valid).sum(2) / positions[:, None])
        else:
            features.append(torch.relu(current).masked_fill(~valid, -math.inf).amax(2))
        activations.append((current.detach(), valid))
    features = torch.cat(features, 1)
    return features, F.linear(features, linear_weight, linear_bias), activations


def text_by_text_cnn(inputs, lengths, parameters, pooling):
    """The same without masks: each text alone, cut to its length and padded to the kernel only where it is shorter."""
    *convs, (linear_weight, linear_bias) = parameters
    rows = []
    for text, length in zip(inputs, lengths.tolist()):
        row = []
        for weight, bias in convs:
            real = text[:length]
            real = F.pad(real, (0, 0, 0, max(0, weight.shape[1] - length)))
            current = torch.relu(F.conv1d(real.T.unsqueeze(0), weight.transpose(1, 2), bias))[0]
            row.append(current.mean(1) if pooling == "average" else current.max(1).values)
        rows.append(torch.cat(row))
    return torch.stack(rows) @ linear_weight.T + linear_bias


def text_cnn_case(seed):
    length, dim, classes = 9, 10, 3
    lengths, labels = torch.tensor([9, 7, 5, 3, 2]), torch.tensor([0, 2, 1, 0, 2])
    random = np.random.default_rng(seed)

    def normal(*shape, scale=1.0):
        return torch.tensor(scale * random.standard_normal(shape), dtype=torch.float32)

    token = (torch.arange(length)[None, :] < lengths[:, None]).unsqueeze(2)
    inputs = normal(len(lengths), length, dim) * token
    convs = [(normal(FILTERS, w, dim, scale=0.2), normal(FILTERS, scale=0.3)) for w in WIDTHS]
    linear = (normal(classes, 3 * FILTERS, scale=0.4), normal(classes, scale=0.3))

    def run(form, pooling, dtype):
        x = inputs.to(dtype).clone().requires_grad_()
        parameters = [tuple(p.to(dtype).clone().requires_grad_() for p in layer) for layer in (*convs, linear)]
        result = form(x, lengths, parameters, pooling)
        logits = result if form is text_by_text_cnn else result[1]
        loss = F.cross_entropy(logits, labels)
        flat = [x, *(p for layer in parameters for p in layer)]
        return result, logits.detach(), loss.detach(), torch.autograd.grad(loss, flat)

    variants = {}
    for pooling in ("average", "max"):
        (features, _, activations), logits, loss, gradients = run(masked_text_cnn, pooling, torch.float32)
        for current, valid in activations:  # [B,F,P]
            if current.abs().masked_fill(~valid, math.inf).min() <= MARGIN:
                return None
            best, second = torch.relu(current).masked_fill(~valid, -math.inf).topk(2, 2).values.unbind(2)
            if ((best > 0) & (best - second <= MARGIN)).any():
                return None
        _, other_logits, other_loss, other_gradients = run(text_by_text_cnn, pooling, torch.float64)
        torch.testing.assert_close(logits, other_logits.float(), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(loss, other_loss.float(), rtol=1e-5, atol=1e-6)
        for one, other in zip(gradients, other_gradients):
            assert one.abs().max() > 1e-3
            torch.testing.assert_close(one, other.float(), rtol=1e-4, atol=1e-6)
        assert (gradients[0] * ~token == 0).all()
        variants[pooling] = {
            "features": floats(features), "logits": floats(logits), "loss": number(loss),
            "gradients": {
                "input": floats(gradients[0]),
                "conv_weights": [floats(g) for g in gradients[1:-2:2]], "conv_biases": [floats(g) for g in gradients[2:-2:2]],
                "linear_weight": floats(gradients[-2]), "linear_bias": floats(gradients[-1]),
            },
        }
    return {
        "shape": {"batch": len(lengths), "length": length, "dim": dim, "filters": FILTERS, "classes": classes},
        "widths": list(WIDTHS), "lengths": lengths.tolist(), "labels": labels.tolist(), "seed": seed,
        "input": floats(inputs),
        "conv_weights": [floats(w) for w, _ in convs], "conv_biases": [floats(b) for _, b in convs],
        "linear_weight": floats(linear[0]), "linear_bias": floats(linear[1]),
        **variants,
    }


def text_cnn():
    """The tailored TextCNN on ragged texts: conv with bias -> ReLU -> pool over valid positions -> linear with bias.

    `input` [B][L][D], zeros past each length; `conv_weights` for each width [F][width][D]; `conv_biases` for each width
    [F]; `linear_weight` [K][3F] (width 3's filters first); `linear_bias` [K]. `average` and `max` each hold `features`
    [B][3F] (pooled), `logits` [B][K], `loss` (cross-entropy, mean over the texts) and `gradients`, shaped like what they
    belong to. A text has length - width + 1 valid positions, or one, padded with zeros, where it is shorter than the
    kernel; padding gets a zero input gradient.
    """
    return {
        "about": "tailored TextCNN, pooling over valid positions only (average and max), cross-entropy mean over texts",
        "made_by": versions(),
        **first_seed(1, text_cnn_case),
    }


# ---------------------------------------------------------------------------------------------------------------------
# Seeds and files


def first_seed(start, make, *arguments):
    """The first case from seed `start` on whose decisions are all clear of rounding (`make` gives None for the others)."""
    for seed in range(start, start + 1000):
        case = make(*arguments, seed)
        if case is not None:
            return case
    raise SystemExit(f"{make.__name__}{arguments}: no seed from {start} to {start + 999} keeps a margin of {MARGIN}")


def versions():
    return {name: version(name).split("+")[0] for name in ("torch", "snntorch", "numpy")}


def number(scalar):
    """A float32 as the shortest decimal that reads back to it, whether by way of float64 or not."""
    value = np.float32(scalar.item())
    assert np.isfinite(value)
    short = float(str(value))
    assert np.float32(short) == value
    return short


def floats(tensor):
    return number(tensor) if tensor.dim() == 0 else [floats(row) for row in tensor.detach().float()]


def integers(tensor):
    assert torch.equal(tensor, tensor.round())
    return tensor.to(torch.int64).tolist()


def to_text(value, indent=0):
    """JSON with objects and lists of objects opened line by line, and arrays of numbers closed up in one line."""
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(key)}: {to_text(item, indent + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + pad[1:] + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(pad + to_text(item, indent + 1) for item in value) + "\n" + pad[1:] + "]"
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


GOLDENS = (lif_forward_backward, surrogate_values, paper_network, text_cnn)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "testdata" / "golden")
    folder = parser.parse_args().out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folder.mkdir(parents=True, exist_ok=True)
    for golden in GOLDENS:
        path = folder / f"{golden.__name__}.json"
        path.write_text(to_text(golden()) + "\n")
        print(f"{path}: {path.stat().st_size} bytes")
