"""Flips one bit at a time in what docs/verify/verify.py has accepted, and counts what becomes of it.

    python3 flips.py VERIFY.PY FLIPS SEED FILE[,HELD] ...

Every flip must be refused, or change nothing that the file says: another spelling of the same JSON, or bytes of a Parquet
file that no value is read from. Anything else is printed and ends with exit code 1. The last line is JSON.
"""

import importlib.util
import json
import random
import sys

sys.dont_write_bytecode = True


def load(path):
    spec = importlib.util.spec_from_file_location("verify", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(verify, data):
    """What a file says, without how it is spelled."""
    if data[:4] == b"PAR1":
        rows, mark, named = verify.segment_events(data)
        return [[seq, digest, members] for seq, digest, members, _ in rows], mark, named["starling.checkpoint"]
    lines = data.split(b"\n") if data.startswith(b'{"starling"') else [data]
    return [verify.canonical(json.loads(line)) for line in lines if line]


def main(argv):
    verify = load(argv[0])
    flips, seed = int(argv[1]), int(argv[2])
    things = []
    for argument in argv[3:]:
        path, _, held = argument.partition(",")
        held = verify.read_json(verify.read_file(held), held) if held else None
        data = verify.read_file(path)
        verify.verify_bytes(data, None, held)
        things.append((path, data, held, said(verify, data)))
    chance = random.Random(seed)
    counts = {"flips": 0, "refused": 0, "unreadable": 0, "meaningless": 0}
    accepted = []
    for _ in range(flips):
        path, data, held, meaning = chance.choice(things)
        at, bit = chance.randrange(len(data)), chance.randrange(8)
        flipped = bytearray(data)
        flipped[at] ^= 1 << bit
        flipped = bytes(flipped)
        counts["flips"] += 1
        try:
            verify.verify_bytes(flipped, None, held)
        except verify.Refused:
            counts["refused"] += 1
            continue
        except verify.Unreadable:
            counts["unreadable"] += 1
            continue
        if said(verify, flipped) == meaning:
            counts["meaningless"] += 1
        else:
            accepted.append("%s: byte %d, bit %d" % (path, at, bit))
    for line in accepted[:20]:
        print("accepted: " + line)
    print(json.dumps(dict(counts, accepted=len(accepted), seed=seed)))
    return 1 if accepted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
