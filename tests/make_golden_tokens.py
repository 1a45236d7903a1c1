"""Make tests/golden/tokens.json: what Hugging Face's ``tokenizers`` makes of text, for test_tokenizer.py.

Run once, with tokenizers 0.23.3:  python tests/make_golden_tokens.py FOLDER/tokenizer.json
FOLDER is the packaged tiny.en's.  The ids also follow from OpenAI's own whisper/assets/gpt2.tiktoken@c0d2f62.
"""

import json
import sys
from pathlib import Path

TEXTS = (
    "",
    " ",
    "Hello, world!  How's it going?",
    "I'm sure you're right; we'll see what they'd say, he's said I've and don't.",
    "I'M SURE YOU'RE RIGHT",
    " And so my fellow Americans, ask not what your country can do for you.",
    "naïve café — “quotes” … ½ ²",
    "日本語のテキスト、中文字符 한국어",
    "😀👩‍👩‍👧‍👦🇩🇪 e\u0301 ab\u0300\u0301",
    "\u200b\ufeff\u00a0\u2028\u2029\x85\x1c\x1f\u180e\u3000 x",
    "tab\tnew\nline\r\n  two",
    "   leading and trailing   ",
    "a  b   c    d",
    "123 456,789.00 ١٢٣ Ⅷ",
    "مرحبا بالعالم नमस्ते दुनिया สวัสดี",
    "\x00\x01\x7f",
    "ſ ẞ ǅ 's's' 's",
    "\U0010ffff\ue000",
    "!?" * 20,
    "\n" * 9,
    "a" * 70,
)


def main() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(sys.argv[1])
    golden = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in TEXTS]
    path = Path(__file__).parent / "golden" / "tokens.json"
    path.write_text("[\n" + ",\n".join(map(json.dumps, golden)) + "\n]\n")


if __name__ == "__main__":
    main()
