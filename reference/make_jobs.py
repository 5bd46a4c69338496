"""Three jobs as people bring them, made by chance from word lists: tickets, intents and Chinese reviews in six files.

    python reference/make_jobs.py FOLDER [DATA_DIR]

writes FOLDER/tickets.csv (3,000 support tickets, eight queues of very different sizes, columns with blanks, odd names
and rows that lack something), FOLDER/intents.jsonl (300 intents, 20 phrasings each) and, where DATA_DIR has the file
of waimai, FOLDER/waimai-1.jsonl to waimai-6.jsonl. No text of the first two is anybody's. They are easy as far as one
word often gives a class away, and hard as far as words are shared, labels are wrong now and then, and classes are
small.
"""

import csv
import json
import pathlib
import random
import sys

# Eight queues: share of the tickets, what they are about, what is wrong with it.
QUEUES = {
    "Billing": (0.28, "invoice payment refund charge card subscription receipt price discount tax".split(),
                "charged twice|not refunded|too high|missing from my account|declined again|shown in the wrong currency".split("|")),
    "Technical support": (0.24, "app screen update login server button page installer printer scanner".split(),
                          "crashes at the start|shows a blank page|freezes|does not respond|gives error 504|is very slow".split("|")),
    "Shipping": (0.18, "parcel delivery courier tracking box shipment address depot label driver".split(),
                 "has not arrived|arrived open|went to my neighbour|is stuck at customs|was sent to the old street|is late".split("|")),
    "Returns": (0.12, "return exchange size colour shoes jacket replacement voucher shirt zip".split(),
                "does not fit|has the wrong colour|came damaged|should be sent back|is not what I ordered|has a hole".split("|")),
    "Account": (0.08, "password profile email username account two-factor phone newsletter avatar privacy".split(),
                "was locked|cannot be changed|should be deleted|was used by somebody else|is not accepted|never gets the code".split("|")),
    "Sales": (0.05, "quote licence demo offer contract seats reseller volume trial upgrade".split(),
              "would interest our school|should cover forty people|is needed by Friday|is for a university|should start in May".split("|")),
    "Press": (0.03, "interview article photo journalist magazine podcast logo statement editor quote".split(),
              "is for our next issue|would be printed in June|needs a comment|should be credited|is for a radio programme".split("|")),
    "Legal": (0.02, "court lawyer data-request copyright trademark complaint deadline consent contract notice".split(),
              "must be answered within a month|violates our rights|was sent by registered mail|has to be withdrawn".split("|")),
}
OPENINGS = ["Hello,", "Good morning,", "Hi there,", "Dear team,", "To whom it may concern,", "", "Hey,"]
MIDDLES = [
    "the {thing} {problem}", "my {thing} {problem}", "since yesterday the {thing} {problem}", "I am afraid the {thing} {problem}",
    "we noticed that our {thing} {problem}", "once more, the {thing} {problem}",
]
CLOSINGS = ["Please help.", "What can I do?", "Thank you in advance.", "This is the third time I write.", "Regards, Sam",
            "I hope to hear from you soon.", "Call me at noon if you can.", "It is urgent.", ""]

# Three hundred intents: what is to be done, with what.
VERBS = {
    "cancel": ["cancel", "call off", "please drop", "I no longer want", "get rid of"],
    "change": ["change", "move", "modify", "I need to alter", "could you update"],
    "book": ["book", "reserve", "get me", "I would like", "arrange"],
    "price": ["how much is", "what does it cost:", "price of", "tell me the price of", "is there a fee for"],
    "status": ["where is", "what is the status of", "any news about", "check on", "is there progress with"],
    "complain": ["I am unhappy with", "there is something wrong with", "bad experience with", "I want to complain about", "terrible"],
    "explain": ["what is", "explain", "how does it work:", "tell me about", "I do not understand"],
    "find": ["find", "search for", "show me", "where can I get", "look for"],
    "repeat": ["same again:", "repeat", "one more time", "do again", "as last time:"],
    "share": ["send somebody", "share", "forward", "pass on", "mail a friend"],
    "list": ["list all", "what are my", "show every", "give me an overview of", "which do I have:"],
    "remind": ["remind me of", "do not let me forget", "set an alarm for", "ping me about", "reminder for"],
}
OBJECTS = ("flight hotel table ticket car insurance appointment parcel subscription playlist recipe meeting invoice loan "
           "visa class membership taxi concert prescription photo savings battery route warranty").split()
DETAILS = ["", "for tomorrow", "please", "for two people", "right now", "in Rome", "if possible", "next week", "for my mother", "again"]


def typo(draw, text):
    """Swaps two neighbouring letters now and then."""
    letters = list(text)
    for at in range(len(letters) - 1):
        if letters[at].isalpha() and letters[at + 1].isalpha() and draw.random() < 0.006:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def sentence(draw, queue):
    _, things, problems = QUEUES[queue]
    return draw.choice(MIDDLES).format(thing=draw.choice(things), problem=draw.choice(problems))


def tickets(draw, count=3000):
    names = list(QUEUES)
    shares = [QUEUES[name][0] for name in names]
    for number in range(count):
        queue = draw.choices(names, shares)[0]
        about = [queue if draw.random() < 0.7 else draw.choices(names, shares)[0] for _ in range(draw.randint(1, 3))]
        if queue not in about:
            about[0] = queue
        body = " ".join([draw.choice(OPENINGS)] + [sentence(draw, of) + "." for of in about] + [draw.choice(CLOSINGS)])
        thing = draw.choice(QUEUES[draw.choice(about)][1])
        subject = draw.choice(["Problem", "Question", "Help", thing.capitalize(), f"About my {thing}", ""])
        if draw.random() < 0.03:
            queue = draw.choice(names)
        yield number, typo(draw, subject), typo(draw, body.strip()), queue


def write_tickets(draw, path):
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Ticket No", "Opened", "Subject ", " Body", "Agent", "Queue"])
        for number, subject, body, queue in tickets(draw):
            body = body.replace(". ", ".\n", 1) if number % 5 == 0 else body
            # A label that stands between blanks, and rows without one.
            queue = f" {queue}" if number % 17 == 0 else "" if number % 401 == 0 else queue
            writer.writerow([f"T-{number:05}", f"2025-0{number % 9 + 1}-1{number % 7}", subject, body, "", queue])


def intents(draw):
    for verb, ways in VERBS.items():
        for thing in OBJECTS:
            for _ in range(20):
                phrase = " ".join(part for part in (draw.choice(ways), draw.choice(["the", "my", "a", ""]), thing, draw.choice(DETAILS)) if part)
                yield typo(draw, phrase), f"{verb}_{thing}"


def write_intents(draw, path):
    rows = list(dict.fromkeys(intents(draw)))
    draw.shuffle(rows)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"utterance": text, "intent": intent}) + "\n" for text, intent in rows)


def write_reviews(source, folder):
    with open(source, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(6).shuffle(rows)
    for part in range(6):
        with open(folder / f"waimai-{part + 1}.jsonl", "w", encoding="utf-8") as file:
            for row in rows[part::6]:
                file.write(json.dumps({"评论": row["review"], "情感": int(row["label"])}, ensure_ascii=False) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_tickets(random.Random(1), folder / "tickets.csv")
    write_intents(random.Random(2), folder / "intents.jsonl")
    if len(sys.argv) > 2:
        data = pathlib.Path(sys.argv[2])
        source = next((place for place in (data, data / "raw") if (place / "waimai_10k.csv").exists()), None)
        if source is not None:
            write_reviews(source / "waimai_10k.csv", folder)


if __name__ == "__main__":
    main()
