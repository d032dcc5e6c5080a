"""The other side of the comparison: TF-IDF and a multi-layer perceptron of
scikit-learn with its defaults (100 hidden units), on the split that the Go
program made. Reads {train, test: [[text, label], ...]} from standard input and
prints {accuracy, train_seconds, ms_per_document}."""
import json
import sys
import time

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

split = json.load(sys.stdin)
texts, labels = zip(*split["train"])
model = make_pipeline(
    TfidfVectorizer(),
    MLPClassifier(random_state=split["seed"]),
)
started = time.perf_counter()
model.fit(texts, labels)
trained = time.perf_counter() - started

right = 0
started = time.perf_counter()
for text, label in split["test"]:  # one by one, as documents come
    right += model.predict([text])[0] == label
took = time.perf_counter() - started
json.dump({
    "accuracy": right / len(split["test"]),
    "train_seconds": trained,
    "ms_per_document": 1000 * took / len(split["test"]),
}, sys.stdout)
