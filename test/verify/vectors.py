"""Checks docs/verify/verify.py against the test vectors beside it.   python3 vectors.py VERIFY.PY VECTORS

The last line is JSON: how many of each were checked. Ends with exit code 1 and the first that does not hold.
"""

import importlib.util
import json
import os
import sys

sys.dont_write_bytecode = True


def main(verify_path, folder):
    spec = importlib.util.spec_from_file_location("verify", verify_path)
    verify = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verify)
    counts = {}

    def read(name):
        return verify.read_file(os.path.join(folder, name))

    def check(kind, holds, what):
        counts[kind] = counts.get(kind, 0) + 1
        if not holds:
            print("%s: %s" % (kind, what))
            sys.exit(1)

    for vector in json.loads(read("canonical.json")):
        found = verify.canonical(verify.read_json(vector["text"], "a vector"))
        check("canonical", found == vector["canonical"], (vector, found))
    exported = [verify.read_cloud_event(verify.read_json(line, "a line")) for line in read("export.ndjson").split(b"\n")[1:-1]]
    for vector, event in zip(json.loads(read("events.json")), exported):
        members = dict(event.members, origin=event.origin, previous=event.previous, seq=event.seq)
        check("events", verify.canonical(members) == vector["preimage"] and event.hash == vector["hash"], vector["seq"])
        check("events", event.hash_holds(), vector["seq"])
    merkle = json.loads(read("merkle.json"))
    tree = verify.Tree()
    for event, leaf, root in zip(exported, merkle["leaves"], merkle["roots"]):
        tree.add(event.hash)
        check("roots", verify.leaf_of(event.hash).hex() == leaf and tree.root() == root, event.seq)
    roots = [bytes.fromhex(root) for root in merkle["roots"]]
    for one in merkle["inclusion"]:
        leaf = bytes.fromhex(merkle["leaves"][one["index"]])
        path = verify.nodes_of(one["path"])
        check("inclusion", verify.inclusion_holds(leaf, one["index"], one["size"], path, roots[one["size"] - 1]), one)
        check("inclusion", not verify.inclusion_holds(leaf, one["index"] ^ 1, one["size"], path, roots[one["size"] - 1]), one)
    for one in merkle["consistency"]:
        old, new, path = roots[one["from"] - 1], roots[one["to"] - 1], verify.nodes_of(one["path"])
        check("consistency", verify.consistency_holds(one["from"], old, one["to"], new, path), one)
        if one["from"] != one["to"]:
            check("consistency", not verify.consistency_holds(one["from"] + 1, old, one["to"], new, path), one)
    key = read("key.txt").decode().strip()
    held = json.loads(read("held.json"))
    for name in ("export.ndjson", "export.parquet", "archive", "checkpoint.json", "held.json", "consistency.json", "event.json", "task.json"):
        beside = held if name in ("consistency.json", "archive", "export.ndjson", "export.parquet") else None
        check("things", verify.verify(os.path.join(folder, name), key, beside)["ok"], name)
    for one in json.loads(read("refused.json")):
        text = read(one["file"]).decode()
        check("refused", one["find"] in text, one)
        try:
            verify.verify_bytes(text.replace(one["find"], one["put"], 1).encode(), None, held if one["file"] == "consistency.json" else None)
        except (verify.Refused, verify.Unreadable) as error:
            check("refused", getattr(error, "seq", None) == one["seq"], (one, str(error), getattr(error, "seq", None)))
        else:
            check("refused", False, one)
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
