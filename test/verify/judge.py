"""Judges files with docs/verify/verify.py, one a line, for a test that compares verdicts.

    python3 judge.py VERIFY.PY < QUESTIONS

A question is JSON: {"file": BASE64} or {"folder": {NAME: BASE64}}, and "held" where a checkpoint is held. The answer is a
line of JSON: "proved", or "refused" for what does not hold or cannot be read.
"""

import base64
import importlib.util
import json
import sys

sys.dont_write_bytecode = True


def main(path):
    spec = importlib.util.spec_from_file_location("verify", path)
    verify = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verify)

    def judge(question):
        held = question.get("held")
        if "file" in question:
            return verify.verify_bytes(base64.b64decode(question["file"]), None, held)

        def folder(name, most):
            if name not in question["folder"]:
                raise verify.Unreadable("%s is not there" % name)
            return base64.b64decode(question["folder"][name])

        return verify.verify_archive(folder, None, held)

    for line in sys.stdin:
        try:
            verdict = "proved" if judge(json.loads(line))["ok"] else "refused"
        except (verify.Refused, verify.Unreadable):
            verdict = "refused"
        print(json.dumps(verdict), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
