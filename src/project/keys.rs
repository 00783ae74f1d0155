//! What a key of a project file is: the one description that checking, "did you mean", the JSON schemas, the reference
//! in the documentation and the example's test are all made from, so that they cannot drift apart.

/// One key that a table may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// Its name.
    pub(crate) name: &'static str,
    /// What its value is.
    pub(crate) shape: Shape,
    /// What it means, in one or two sentences; shown by editors and in the documentation.
    pub(crate) doc: &'static str,
    /// What holds when it is left out, as written in the file; empty if nothing can be said.
    pub(crate) default: &'static str,
    /// Must the table hold it?
    pub(crate) required: bool,
    /// Does it have an effect?
    pub(crate) standing: Standing,
}

/// Whether a key has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has.
    Live,
    /// Older tools wrote it: accepted, with a warning that says this.
    Old(&'static str),
    /// It belongs in another file: an error that says so.
    Elsewhere(&'static str),
}

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Text that is not empty.
    Text,
    /// Text; empty means left out (the templates of other tools write empty texts).
    MaybeText,
    /// `true` or `false`.
    Bool,
    /// A whole number from the first to the second, both included.
    Integer(i64, i64),
    /// One of some words.
    Choice(&'static [Choice]),
    /// A list of texts that are not empty.
    Texts,
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table of tables under names of the user's choice, each with these keys.
    Named(&'static [Key]),
    /// A list of tables, each with these keys.
    Tables(&'static [Key]),
    /// The same, or one such table.
    TableOrTables(&'static [Key]),
    /// A table of texts under names of the user's choice; texts may be empty.
    TextsByName,
    /// One of some words, or a list of texts that are not empty.
    ChoiceOrTexts(&'static [Choice]),
    /// A table of any values (chart values).
    Values,
    /// Anything: for keys without effect.
    Anything,
}

/// One word that a [`Shape::Choice`] allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    /// The word.
    pub(crate) word: &'static str,
    /// What it means.
    pub(crate) doc: &'static str,
}

/// A word that can be chosen.
pub(crate) const fn choice(word: &'static str, doc: &'static str) -> Choice {
    Choice { word, doc }
}

/// A key with an effect.
pub(crate) const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        doc,
        default: "",
        required: false,
        standing: Standing::Live,
    }
}

/// A key that older tools wrote, and why it has no effect any more.
pub(crate) const fn old(name: &'static str, why: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Anything,
        doc: why,
        default: "",
        required: false,
        standing: Standing::Old(why),
    }
}

/// A key that belongs in another file, and which.
pub(crate) const fn elsewhere(name: &'static str, file: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Anything,
        doc: "",
        default: "",
        required: false,
        standing: Standing::Elsewhere(file),
    }
}

impl Key {
    /// The same key, required.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same key with its default as written in the file.
    pub(crate) const fn default(mut self, text: &'static str) -> Self {
        self.default = text;
        self
    }

    /// The keys of the table or tables in it.
    pub(crate) fn inner(&self) -> &'static [Key] {
        match self.shape {
            Shape::Table(keys) | Shape::Named(keys) | Shape::Tables(keys) | Shape::TableOrTables(keys) => keys,
            _ => &[],
        }
    }

    /// Is it an error wherever it stands? Schemas and documents do not offer it then.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.standing, Standing::Elsewhere(_))
    }

    /// True for keys that documents should show.
    pub(crate) fn is_live(&self) -> bool {
        self.standing == Standing::Live
    }
}
