"""What single instructions do, as objdump shows them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

from stepping import LONGEST

_SLOT, _NOP = 32, b"\x90"  # whatever follows an instruction ends before the next slot begins

_SIZES = {
    "BYTE": 1,
    "WORD": 2,
    "DWORD": 4,
    "QWORD": 8,
    "TBYTE": 10,
    "XMMWORD": 16,
    "YMMWORD": 32,
    "ZMMWORD": 64,
}
_MEMORY = re.compile(r"(\w+) (?:PTR|BCST) ")
_REGISTER = re.compile(r"\b(?:([xyz])mm\d+|k[0-7])\b(?!})")  # a mask in braces only chooses
_BYTES = {"x": 16, "y": 32, "z": 64, None: 8}
_PREFIX = re.compile(r"(?:lock|rep\w*|data16|[c-gs]s|notrack|bnd|addr32|rex\S*|{\w*vex\d?}) ")

_ONE_ELEMENT = re.compile(r"(?!v?p|.*broadcast).*s[sd]$|v?mov[dq]$|v?cvtt?s[sd]2|v?pinsr|v?pextr")
_TAKEN_WHOLE = re.compile(r"v?mov|vp?broadcast")
_RENAMED = re.compile(r"v?mov(?:[au]p[sd]|dq[au]\d*)$")

_NO_ACCESS = re.compile(r"nop|lea|prefetch")
_ONLY_READS = re.compile(r"cmp|test|bt$|push|i?mul|i?div|call|jmp|ldmxcsr")
_ONLY_WRITES = re.compile(r"v|mov|set|pop|stmxcsr")
_MANY = re.compile(r"v?p?(?:gather|scatter)")
_ON_STACK = {"push": (0, 8), "pop": (8, 0), "call": (0, 8), "ret": (8, 0)}


@dataclass(frozen=True)
class Instruction:
    """What one instruction does.

    Attributes
    ----------
    vector : bool
        Whether it works on several elements at once.
    width : int
        Bytes of the widest vector register that it names (8 for a mask), 0 if there is none.
    computes : bool
        Whether it does more with vector registers than to load, store or rename them.
    loaded, stored : int
        Bytes, the stack's included.
    jump : bool
        Whether it is a conditional jump.
    """

    vector: bool
    width: int
    computes: bool
    loaded: int
    stored: int
    jump: bool


def disassembled(code: Mapping[int, bytes]) -> dict[int, Instruction]:
    """The instruction at the start of every piece of machine code, by the addresses they come with.

    objdump reads on where an instruction ends; so every piece is followed by instructions of one byte, of
    which some are skipped when it ends in the middle of one.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(piece[:LONGEST].ljust(_SLOT, _NOP) for piece in code.values()))
        file.flush()
        shown = _objdump(file.name)
    lines = (line.split("\t") for line in shown.splitlines() if line.count("\t") == 2)
    texts = {int(offset.rstrip(":"), 16): text for offset, _, text in lines}
    return {address: instruction(texts[_SLOT * index]) for index, address in enumerate(code)}


def instruction(text: str) -> Instruction:
    """What the text of an instruction, in Intel's syntax, says.

    >>> instruction("vaddps zmm0,zmm1,ZMMWORD PTR [rax+rcx*4]")
    Instruction(vector=True, width=64, computes=True, loaded=64, stored=0, jump=False)
    """
    name, operands = _parts(text)
    registers = [_BYTES[found[1]] for operand in operands for found in _REGISTER.finditer(operand)]
    loaded, stored = _accesses(name, operands)
    return Instruction(
        vector=bool(registers) and not _ONE_ELEMENT.match(name),
        width=max(registers, default=0),
        computes=bool(registers) and not _is_move(name, operands),
        loaded=loaded,
        stored=stored,
        jump=name.startswith("j") and name != "jmp",
    )


def _parts(text: str) -> tuple[str, list[str]]:
    """Name and operands, without prefixes and comments."""
    text = " ".join(text.partition("#")[0].partition("<")[0].split()) + " "
    while prefix := _PREFIX.match(text):
        text = text[prefix.end() :]
    name, _, operands = text.partition(" ")
    return name, operands.strip().split(",") if operands else []


def _is_move(name: str, operands: list[str]) -> bool:
    """Whether a vector register is only loaded, stored or renamed."""
    if any(map(_MEMORY.search, operands)):
        return bool(_TAKEN_WHOLE.match(name))
    return bool(_RENAMED.match(name)) and "{" not in operands[0]


def _accesses(name: str, operands: list[str]) -> tuple[int, int]:
    """Bytes that are loaded and stored."""
    loaded, stored = _ON_STACK.get(name, (0, 0))
    where = next((index for index, operand in enumerate(operands) if _MEMORY.search(operand)), None)
    if where is None or _NO_ACCESS.match(name):
        return loaded, stored
    size = _size(name, operands, where)
    if where > 0 or _ONLY_READS.match(name):
        return loaded + size, stored
    return loaded + (0 if _ONLY_WRITES.match(name) else size), stored + size


def _size(name: str, operands: list[str], where: int) -> int:
    """Bytes of the operand in memory; of all elements where each has an address of its own."""
    if _MANY.match(name):
        data = _REGISTER.search(operands[1 - where].partition("{")[0])
        return _BYTES[data[1]] if data else 0
    found = _MEMORY.search(operands[where])
    return _SIZES.get(found[1], 0) if found else 0


def _objdump(path: str) -> str:
    command = ["objdump", "-D", "-z", "-w", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", path]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise SystemExit("counting instructions needs objdump to read them; install binutils") from None
