"""Texts that are unlike the sample: scripts, emoji, very long ones, control signs, and none."""

ODD = [
    "Счёт за июнь неверный, проверьте!",
    "請求書が間違っています。至急お願いします！",
    "فاتورة خاطئة",
    "ใบแจ้งหนี้ไม่ถูกต้อง",
    "👨‍👩‍👧 😡😡 👎🏽 ☎️",
    "Ａ½ﬁ İstanbul STRASSE straße",
    "x" * 50_000,
    "слово " * 10_000,
    "# _ [PAD] <unk> \x00\x1f \u202e",
    ".",
    None,
]
