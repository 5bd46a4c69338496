// Texts to begin with, a few a language.

export const EXAMPLES = {
  en: [
    "A warm and funny film with a wonderful cast.",
    "The room was dirty, the staff rude, and the breakfast cold.",
    "I wanted to like it, but the story goes nowhere.",
    "Not bad at all: it never gets boring.",
    "Great acting cannot save this dull and lifeless script.",
    "The battery died after two days and nobody answered my calls.",
  ],
  zh: ["房间很干净，服务员也非常热情。", "早餐太差了，再也不会来住了。", "位置不错，但是隔音很差，一晚上没睡好。", "送餐很快，味道也好，下次还点。"],
};
