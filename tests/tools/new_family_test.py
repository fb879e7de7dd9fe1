"""tools/new_family.py makes what a family needs, once, and says why when it cannot."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/new_family.py"
TREE = {
    "src/models/CMakeLists.txt": "ominix_add_family(llama SOURCES llama.cpp)\nominix_add_layer(models)\n",
    "src/models/llama/llama.cpp": "// llama.cpp does it so\nnamespace llama { auto a = \"llama\"; }\n",
    "src/models/llama/model.h": "namespace llama {}\n",
    "tests/models/CMakeLists.txt": "ominix_add_test(models SOURCES llama_test.cpp)\n",
    "tests/models/llama_test.cpp": "TEST_P(Llama, Matches) { check(\"llama-default\"); }\n",
    "tools/goldens/llama.py": "from transformers import LlamaConfig\nname = \"llama-default\"\n",
}


def run(root, *arguments):
    return subprocess.run([sys.executable, TOOL, *arguments, "--root", root], capture_output=True, text=True)


class NewFamily(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for path, text in TREE.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)

    def read(self, path):
        return (self.root / path).read_text()

    def test_makes_a_family(self):
        done = run(self.root, "qwen3_moe", "--like", "llama")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.read("src/models/qwen3_moe/qwen3_moe.cpp"),
                         "// llama.cpp does it so\nnamespace qwen3_moe { auto a = \"qwen3_moe\"; }\n")
        self.assertIn("ominix_add_family(qwen3_moe SOURCES qwen3_moe.cpp)\nominix_add_layer",
                      self.read("src/models/CMakeLists.txt"))
        self.assertIn("llama_test.cpp qwen3_moe_test.cpp", self.read("tests/models/CMakeLists.txt"))
        self.assertIn("TEST_P(Qwen3Moe, Matches) { check(\"qwen3_moe-default\"", self.read("tests/models/qwen3_moe_test.cpp"))
        self.assertIn("Differs from llama", self.read("src/models/qwen3_moe/NOTES.md"))

    def test_keeps_a_golden_script_that_is_there(self):
        (self.root / "tools/goldens/qwen2.py").write_text("mine\n")
        self.assertEqual(run(self.root, "qwen2", "--like", "llama").returncode, 0)
        self.assertEqual(self.read("tools/goldens/qwen2.py"), "mine\n")

    def test_names_the_cases_of_the_script(self):
        (self.root / "tests/models/llama_test.cpp").write_text('TEST_P(Llama, M) {}\n::testing::Values("llama-default",\n  "llama-yarn"));\n')
        (self.root / "tools/goldens/qwen2.py").write_text('CASES = {\n    "qwen2-tied": case(),\n    "qwen2-window": case(),\n}\n')
        self.assertEqual(run(self.root, "qwen2", "--like", "llama").returncode, 0)
        self.assertEqual(self.read("tests/models/qwen2_test.cpp"),
                         'TEST_P(Qwen2, M) {}\n::testing::Values("qwen2-tied", "qwen2-window"));\n')

    def test_says_why_not(self):
        for name, like, words in (("Bad", "llama", "no family name"), ("new", "gone", "is not there"),
                                  ("new", "shared", "is not there"), ("llama", "llama", "there already")):
            done = run(self.root, name, "--like", like)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertEqual(self.read("src/models/CMakeLists.txt"), TREE["src/models/CMakeLists.txt"])


if __name__ == "__main__":
    unittest.main()
