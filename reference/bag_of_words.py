"""The rival of the learning curve and of the jobs: TF-IDF of words and pairs of words, and logistic regression, as
scikit-learn sets them (with steps enough to converge); Chinese cut by jieba.
"""


def measured(train, test, chinese):
    """Fits it to (text, label) pairs. Accuracy and macro F1 on others, percent."""
    import sklearn.feature_extraction.text
    import sklearn.linear_model
    import sklearn.metrics

    choices = {}
    if chinese:
        import jieba

        jieba.setLogLevel(60)
        train, test = ([(" ".join(jieba.cut(text)), label) for text, label in part] for part in (train, test))
        choices = {"token_pattern": r"(?u)\w+"}
    features = sklearn.feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2), **choices)
    rows = features.fit_transform([text for text, _ in train])
    model = sklearn.linear_model.LogisticRegression(max_iter=1000).fit(rows, [label for _, label in train])
    found, right = model.predict(features.transform([text for text, _ in test])), [label for _, label in test]
    accuracy = sklearn.metrics.accuracy_score(right, found)
    return 100 * accuracy, 100 * sklearn.metrics.f1_score(right, found, average="macro", zero_division=0)
