"""The rules of tools/check can refuse: one small tree for each, and one that all of them accept."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parents[2] / "tools/check"

GOOD = {
    "include/ominix/error.h": "#pragma once\n#include <ominix/other.h>\n#include <string>\n",
    "include/ominix/other.h": "#pragma once\n",
    "src/base/error.h": "#pragma once\n#include <ominix/error.h>\n#include <nlohmann/json_fwd.hpp>\n",
    "src/kernels/kernels.h": '#pragma once\n#include "base/error.h"\n#include "mlx/array.h"\n',
    "src/kernels/a.cpp": '#include "kernels/kernels.h"\n#include "mlx/ops.h"\n// llama.cpp does it so\n',
    "src/nn/linear.h": '#pragma once\n#include "kernels/kernels.h"\n',
    "src/models/CMakeLists.txt": "ominix_add_family(llama SOURCES a.cpp)\n"
                                 "ominix_add_family(qwen3 USES llama SOURCES a.cpp)\n",
    "src/models/family.h": "#pragma once\n",
    "src/models/registry.cpp": '#include "models/llama/model.h"\nconst char* k = "llama";\n',
    "src/models/llama/model.h": '#pragma once\n#include "nn/linear.h"\n',
    "src/models/llama/config.h": "#pragma once\n",
    "src/models/llama/a.cpp": '#include "models/llama/config.h"\n#include "models/family.h"\n',
    "src/models/qwen3/a.cpp": '#include "models/llama/model.h"\n',
    "src/runtime/load.cpp": '#include "models/family.h"\n',
    "tests/support/temp_dir.h": "#pragma once\n",
    "tests/base/a_test.cpp": '#include "base/error.h"\n#include "support/temp_dir.h"\n',
}

# name: (the rule that must speak, words of its message, the files that differ from GOOD)
REFUSED = {
    "an arrow that points up": ("layers", "base cannot include", {
        "src/base/a.cpp": '#include "kernels/kernels.h"\n'}),
    "a sideways arrow": ("layers", "text cannot include", {
        "src/text/a.cpp": '#include "formats/gguf.h"\n', "src/formats/gguf.h": "#pragma once\n"}),
    "the command reaches past the promise": ("layers", "cli cannot include", {
        "src/cli/run.cpp": '#include "runtime/engine.h"\n', "src/runtime/engine.h": "#pragma once\n"}),
    "MLX in a layer without MLX": ("layers", "without MLX", {
        "src/text/a.cpp": '#include "mlx/array.h"\n'}),
    "an unknown layer": ("layers", "no layer", {"src/misc/a.cpp": "\n"}),
    "a path that is not from src": ("layers", "no file of ours", {
        "src/kernels/b.cpp": '#include "kernels.h"\n'}),
    "a family used in silence": ("families", "without saying so", {
        "src/models/llama/b.cpp": '#include "models/qwen3/model.h"\n', "src/models/qwen3/model.h": "#pragma once\n"}),
    "a family's inner file": ("families", "only model.h", {
        "src/models/qwen3/b.cpp": '#include "models/llama/config.h"\n'}),
    "the runtime knows a family": ("families", "only registry.cpp", {
        "src/runtime/load.cpp": '#include "models/llama/model.h"\n'}),
    "a block in shared knows a family": ("families", "only registry.cpp", {
        "src/models/shared/a.cpp": '#include "models/llama/model.h"\n'}),
    "a cycle of families": ("families", "a cycle", {
        "src/models/CMakeLists.txt": "ominix_add_family(llama USES qwen3 SOURCES a.cpp)\n"
                                     "ominix_add_family(qwen3 USES llama SOURCES a.cpp)\n"}),
    "a tower of families": ("families", "more than two", {
        "src/models/CMakeLists.txt": "ominix_add_family(a)\nominix_add_family(b USES a)\n"
                                     "ominix_add_family(c USES b)\nominix_add_family(d USES c)\n"}),
    "a family's name in the runtime": ("names", "'qwen3' is a family", {
        "src/runtime/load.cpp": 'bool b = family == "qwen3";\n'}),
    "more of MLX in a header": ("headers", "mlx/array.h, not mlx/ops.h", {
        "src/nn/linear.h": '#pragma once\n#include "mlx/ops.h"\n'}),
    "JSON in a header": ("headers", "json_fwd.hpp", {
        "src/base/error.h": "#pragma once\n#include <nlohmann/json.hpp>\n"}),
    "a header without a guard": ("headers", "#pragma once", {"src/nn/linear.h": "\n"}),
    "a dependency in a public header": ("public headers", "standard library", {
        "include/ominix/error.h": "#pragma once\n#include <fmt/format.h>\n"}),
    "our insides in a public header": ("public headers", "standard library", {
        "include/ominix/error.h": '#pragma once\n#include "base/error.h"\n'}),
    "a file too long": ("size", "801 lines", {"src/nn/a.cpp": "\n" * 801}),
    "a path of one machine": ("machine paths", "one machine", {"README.md": "see /ho" "me/me/x\n"}),
    "a temporary path": ("machine paths", "one machine", {"src/nn/a.cpp": '"/tm' 'p/x"\n'}),
    "something unfinished": ("unfinished", "finish it", {"src/nn/a.cpp": "// TO" "DO: later\n"}),
}


def check(files, *options):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        subprocess.run(["git", "-C", root, "init", "-q"], check=True)
        return subprocess.run([sys.executable, CHECK, "--root", root, *options], capture_output=True, text=True)


class Check(unittest.TestCase):
    def test_accepts_what_is_good(self):
        done = check(GOOD, "--text-only")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_warns_before_it_refuses(self):
        done = check({**GOOD, "src/nn/a.cpp": "\n" * 401}, "--text-only")
        self.assertEqual(done.returncode, 0)
        self.assertIn("warning: src/nn/a.cpp: 401 lines", done.stdout)

    def test_refuses(self):
        for name, (rule, words, files) in REFUSED.items():
            with self.subTest(name):
                done = check({**GOOD, **files}, "--text-only")
                self.assertEqual((done.returncode, done.stderr), (1, ""), done.stdout)
                problems = done.stdout.splitlines()[:-1]
                self.assertTrue(any(f": {rule}: " in line and words in line for line in problems), done.stdout)
                self.assertTrue(all(f": {rule}: " in line for line in problems), done.stdout)

    def test_says_which_tool_is_missing(self):
        with tempfile.TemporaryDirectory() as path:
            for tool in ("git", "c++"):
                pathlib.Path(path, tool).symlink_to(shutil.which(tool))
            with tempfile.TemporaryDirectory() as root:
                pathlib.Path(root, "a.cpp").write_text("int a;\n")
                subprocess.run(["git", "-C", root, "init", "-q"], check=True)
                done = subprocess.run([sys.executable, CHECK, "--root", root], capture_output=True, text=True,
                                      env={"PATH": path})
        self.assertEqual(done.returncode, 1)
        self.assertIn("clang-format-19 is missing", done.stdout)
        self.assertIn("clang-tidy-19 is missing", done.stdout)


if __name__ == "__main__":
    unittest.main()
