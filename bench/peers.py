"""Stanzas in the formats that the benchmarks compare with: XML, protobuf and CBOR.

A stanza is the JSON form of bench/data: {"tag", "attrs", "content"}. The protobuf and CBOR schemas are
made for the stanzas at hand, as one would write them: a field for each attribute, numbers as numbers,
words from a closed list as enums, own addresses as user and device, children as messages.
"""

import base64
import re
import zlib
from xml.sax.saxutils import escape, quoteattr

import cbor2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation

FieldType = descriptor_pb2.FieldDescriptorProto
ENUMS = {"type", "class"}
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
ADDRESS = re.compile(r"([^@/]+)@([^@/]+)(?:/(\d+))?")


def content_bytes(content):
    return base64.b64decode(content["b64"]) if isinstance(content, dict) else content.encode()


def to_xml(node):
    text = "<" + node["tag"]
    for key, value in node.get("attrs", {}).items():
        text += f" {key}={quoteattr(value)}"
    content = node.get("content")
    if not content:
        return text + "/>"
    if isinstance(content, list):
        inner = "".join(map(to_xml, content))
    else:
        inner = content["b64"] if isinstance(content, dict) else escape(content)
    return f"{text}>{inner}</{node['tag']}>"


def deflated(xml):
    return zlib.compress(xml.encode(), 6)


class Shape:
    """What nodes with one path have in common: the schema of one message."""

    def __init__(self, path):
        self.path = path
        self.attributes = {}
        self.children = {}
        self.has_content = False
        self.is_text = True

    def learn(self, node, domain):
        for key, value in node.get("attrs", {}).items():
            kind = self.kind(key, value, domain)
            before = self.attributes.setdefault(key, kind)
            if before != kind:
                self.attributes[key] = "string"
        content = node.get("content")
        if isinstance(content, list):
            for child in content:
                path = f"{self.path}_{identifier(child['tag'])}"
                self.children.setdefault(child["tag"], Shape(path)).learn(child, domain)
        elif content is not None:
            self.has_content = True
            self.is_text = self.is_text and isinstance(content, str)

    @staticmethod
    def kind(key, value, domain):
        if key in ENUMS:
            return "enum"
        if key != "id" and NUMBER.fullmatch(value):
            return "number"
        address = ADDRESS.fullmatch(value)
        return "address" if domain and address and address[2] == domain else "string"


def identifier(text):
    return re.sub(r"[^a-z0-9]", "_", text.lower())


class Schema:
    """The message types of a set of stanzas. With `domain`, own addresses are user and device; without,
    they are strings."""

    def __init__(self, stanzas, domain=None):
        self.domain = domain
        self.root = Shape("Stanza")
        self.root.learn({"tag": "", "content": stanzas}, domain)
        self.words = {}
        file = descriptor_pb2.FileDescriptorProto(name="stanzas.proto", package="bench", syntax="proto3")
        self.address(file)
        self.define(self.root, file)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self.type = message_factory.GetMessageClass(pool.FindMessageTypeByName("bench.Stanza"))

    @staticmethod
    def address(file):
        message = file.message_type.add(name="Address")
        message.field.add(name="user", number=1, type=FieldType.TYPE_STRING, label=1)
        # Device 0 counts, so that its presence does.
        message.oneof_decl.add(name="where")
        message.field.add(name="device", number=2, type=FieldType.TYPE_UINT32, label=1, oneof_index=0)

    def define(self, shape, file):
        message = file.message_type.add(name=shape.path)
        number = 1
        for key, kind in shape.attributes.items():
            field = message.field.add(name="a_" + identifier(key), number=number, label=1)
            if kind == "address":
                field.type, field.type_name = FieldType.TYPE_MESSAGE, ".bench.Address"
            elif kind == "string":
                field.type = FieldType.TYPE_STRING
            else:
                field.type = FieldType.TYPE_UINT64  # an enum has the same bytes
            number += 1
        for tag, child in shape.children.items():
            message.field.add(
                name="c_" + identifier(tag), number=number, label=3, type=FieldType.TYPE_MESSAGE,
                type_name=".bench." + child.path)
            number += 1
            self.define(child, file)
        if shape.has_content:
            kind = FieldType.TYPE_STRING if shape.is_text else FieldType.TYPE_BYTES
            message.field.add(name="content", number=number, label=1, type=kind)

    def word(self, text):
        """The number of an enum's word; 0 is for none, as in proto3."""
        return self.words.setdefault(text, len(self.words) + 1)

    def message(self, stanza):
        message = self.type()
        self.fill(message, {"content": [stanza]}, self.root)
        return message

    def fill(self, message, node, shape):
        for key, value in node.get("attrs", {}).items():
            name, kind = "a_" + identifier(key), shape.attributes[key]
            if kind == "address":
                address = ADDRESS.fullmatch(value)
                getattr(message, name).user = address[1]
                if address[3] is not None:
                    getattr(message, name).device = int(address[3])
            elif kind == "enum":
                setattr(message, name, self.word(value))
            else:
                setattr(message, name, int(value) if kind == "number" else value)
        content = node.get("content")
        if isinstance(content, list):
            for child in content:
                inner = getattr(message, "c_" + identifier(child["tag"])).add()
                self.fill(inner, child, shape.children[child["tag"]])
        elif content is not None:
            data = content_bytes(content)
            message.content = data.decode() if shape.is_text else data

    def cbor(self, stanza):
        """The same fields in CBOR: maps with small integers as keys, as in COSE and CWT."""
        return cbor2.dumps(self.fields({"content": [stanza]}, self.root))

    def fields(self, node, shape):
        keys = list(shape.attributes) + list(shape.children)
        fields = {}
        for key, value in node.get("attrs", {}).items():
            kind = shape.attributes[key]
            if kind == "address":
                address = ADDRESS.fullmatch(value)
                value = [address[1]] if address[3] is None else [address[1], int(address[3])]
            elif kind == "enum":
                value = self.word(value)
            elif kind == "number":
                value = int(value)
            fields[keys.index(key)] = value
        content = node.get("content")
        if isinstance(content, list):
            for child in content:
                inner = self.fields(child, shape.children[child["tag"]])
                place = len(shape.attributes) + list(shape.children).index(child["tag"])
                if place not in fields:
                    fields[place] = inner
                elif isinstance(fields[place], list):
                    fields[place].append(inner)
                else:
                    fields[place] = [fields[place], inner]
        elif content is not None:
            data = content_bytes(content)
            fields[len(keys)] = data.decode() if shape.is_text else data
        return fields


def protobuf_core():
    """Which implementation runs: `upb` is the one in C."""
    return api_implementation.Type()
