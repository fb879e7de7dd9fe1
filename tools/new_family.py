#!/usr/bin/env python3
"""tools/new_family.py NAME --like OTHER

The skeleton of a model family: OTHER's folder, test and golden script under the new name, with notes to
fill in, and one line in each list. It builds at once; docs/add-a-model.md says how to go on.
"""
import argparse
import pathlib
import re
import sys

NOTES = """# {name}

Reference: (package, file, version)
Checkpoints tried: (name, result)
Differs from {like}: (what the reference does otherwise)
Mistakes made: (what cost time, so that it costs the next one none)
"""


def pascal(name):
    return "".join(part.capitalize() for part in name.split("_"))


def plan(root, name, like):
    """Path -> text of everything that is new or changes. Stops with one line where it cannot be."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        sys.exit(f"new_family: '{name}' is no family name, expected lower-case words joined by '_', such as qwen3_moe")
    source = root / "src/models" / like
    if like == "shared" or not source.is_dir():
        sys.exit(f"new_family: src/models/{like} is not there, expected the name of a family")
    if (root / "src/models" / name).exists():
        sys.exit(f"new_family: src/models/{name} is there already")

    def renamed(text, code=False):
        # In sources "llama.cpp" is a program of others, in lists of sources a file of ours.
        other = r"(?!\.cpp)" if code else ""
        text = re.sub(rf"(?<![A-Za-z0-9]){like}(?![A-Za-z0-9]){other}", name, text)
        return re.sub(rf"\b{pascal(like)}\b", pascal(name), text)

    copies = {f: root / "src/models" / name / renamed(f.name) for f in sorted(source.iterdir()) if f.suffix in (".h", ".cpp")}
    copies[root / f"tests/models/{like}_test.cpp"] = root / f"tests/models/{name}_test.cpp"
    copies[root / f"tools/goldens/{like}.py"] = root / f"tools/goldens/{name}.py"
    files = {}
    for old, new in copies.items():
        if not old.is_file():
            sys.exit(f"new_family: {old.relative_to(root)} is missing, expected what every family has")
        if not new.exists():  # a golden script may be there before its family
            files[new] = renamed(old.read_text(), code=True)
    script, test = root / f"tools/goldens/{name}.py", root / f"tests/models/{name}_test.cpp"
    cases = re.findall(rf'^    "({name}-[a-z0-9-]+)":', script.read_text(), re.M) if script.exists() else []
    if cases and test in files:  # the cases that the script writes, instead of the other family's
        values = ", ".join(f'"{case}"' for case in cases)
        files[test] = re.sub(r"::testing::Values\([^)]*\)", f"::testing::Values({values})", files[test])
    files[root / "src/models" / name / "NOTES.md"] = NOTES.format(name=name, like=like)

    lists = ((root / "src/models/CMakeLists.txt", rf"^ominix_add_family\({like}\b[^)]*\)\n", lambda m: m[0] + renamed(m[0])),
             (root / "tests/models/CMakeLists.txt", rf"\b{like}_test\.cpp", lambda m: f"{m[0]} {name}_test.cpp"))
    for path, pattern, change in lists:
        text, count = re.subn(pattern, change, path.read_text(), flags=re.M)
        if count != 1:
            sys.exit(f"new_family: {path.relative_to(root)} names {like} {count} times, expected once; add {name} by hand")
        files[path] = text
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="as in config.json's model_type, such as qwen3_moe")
    parser.add_argument("--like", required=True, metavar="OTHER", help="the family that it resembles most")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    options = parser.parse_args()
    for path, text in plan(options.root, options.name, options.like).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(options.root))


if __name__ == "__main__":
    main()
