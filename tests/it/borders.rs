//! The borders between the directories of `src/`, as `docs/architecture.md` draws them, the size of
//! the circles that files form by using each other, and the paths that the documents name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

use crate::common::cluster::repository;

/// The most files in one circle: as many as a reader can keep in mind.
const LARGEST_CIRCLE: usize = 6;

/// The path of a module, without `crate`.
type Module = Vec<String>;

/// Every module of the library that is not only for tests, with the modules that it names.
static MODULES: LazyLock<BTreeMap<Module, BTreeSet<Module>>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    parse(&repository().join("src/lib.rs"), &[], &mut files);
    let known: BTreeSet<Module> = files.keys().cloned().collect();
    let uses = |(module, file): (Module, syn::File)| {
        let mut names = Names { module: &module, paths: Vec::new() };
        names.visit_file(&file);
        let named = names.paths.into_iter().filter_map(|path| {
            // The longest prefix that is a module; what follows is an item of it.
            (1..=path.len()).rev().map(|end| path[..end].to_vec()).find(|path| known.contains(path))
        });
        let named = named.filter(|other| *other != module).collect();
        (module, named)
    };
    files.into_iter().map(uses).collect()
});

/// Parses a file, and the files of its modules.
fn parse(file: &Path, module: &[String], files: &mut BTreeMap<Module, syn::File>) {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed = syn::parse_file(&text).unwrap();
    let folder = file.parent().unwrap();
    let folder = match file.file_stem().unwrap().to_str().unwrap() {
        "lib" | "mod" => folder.to_owned(),
        name => folder.join(name),
    };
    for item in &parsed.items {
        if let Item::Mod(ItemMod { ident, content: None, attrs, .. }) = item
            && !is_for_tests(attrs)
        {
            let name = ident.to_string();
            let candidates: [PathBuf; 2] =
                [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
            let file = candidates.iter().find(|path| path.exists()).expect("the module has a file");
            parse(file, &[module, &[name]].concat(), files);
        }
    }
    files.insert(module.to_vec(), parsed);
}

/// Whether an item exists only in builds for tests, such as the fuzz targets.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| {
                list.tokens.clone().into_iter().any(|token| {
                    token.to_string() == "test" || token.to_string().starts_with("(test")
                })
            })
    })
}

/// Collects the paths that start with `crate`, `super` or `self`.
struct Names<'a> {
    module: &'a Module,
    paths: Vec<Module>,
}

impl Names<'_> {
    /// Adds a path as it is written.
    fn add(&mut self, written: &[String]) {
        let mut path = self.module.clone();
        let mut rest = written;
        match written.first().map(String::as_str) {
            Some("crate") => (path, rest) = (Vec::new(), &written[1..]),
            Some("self") => rest = &written[1..],
            Some("super") => {}
            _ => return,
        }
        while rest.first().is_some_and(|name| name == "super") {
            path.pop();
            rest = &rest[1..];
        }
        path.extend(rest.iter().cloned());
        self.paths.push(path);
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let and = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&and(path.ident.to_string()), &path.tree),
            UseTree::Name(name) => self.add(&and(name.ident.to_string())),
            UseTree::Rename(name) => self.add(&and(name.ident.to_string())),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(before, tree));
            }
            _ => self.add(before),
        }
    }
}

impl<'a> Visit<'a> for Names<'_> {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        // Modules inside a file are those of its tests.
        assert!(item.content.is_none() || is_for_tests(&item.attrs), "{}", item.ident);
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.add_tree(&[], &item.tree);
        }
    }

    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let text = call.tokens.to_string().replace(" :: ", "::");
        let is_of_path = |c: char| c.is_alphanumeric() || "_:".contains(c);
        for word in text.split(|c| !is_of_path(c)) {
            self.add(&word.split("::").map(str::to_owned).collect::<Vec<_>>());
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let written: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.add(&written);
        visit::visit_path(self, path);
    }
}

/// The modules named in the cells of a table of `docs/architecture.md`, by row and column.
fn table(head: &str) -> Vec<Vec<BTreeSet<String>>> {
    let text = fs::read_to_string(repository().join("docs/architecture.md")).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let words = |cell: &str| {
        let quoted = cell.split('`').skip(1).step_by(2);
        let module = |name: &str| name.trim_end_matches('/').trim_end_matches(".rs").to_owned();
        quoted.map(module).collect()
    };
    rows.map(|row| row.split('|').skip(1).map(words).collect()).collect()
}

/// What each directory may use.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let row = |mut cells: Vec<BTreeSet<String>>| {
        let owner = cells[0].pop_first().expect("a row names its directory");
        (owner, cells.swap_remove(2))
    };
    table("| directory | owns | may use").into_iter().map(row).collect()
}

#[test]
fn directories_use_what_the_table_allows_and_nothing_else() {
    let allowed = allowed();
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (module, others) in MODULES.iter() {
        let Some(owner) = module.first() else { continue };
        for other in others {
            let Some(room) = other.first().filter(|room| *room != owner) else { continue };
            used.entry(owner).or_default().insert(room);
            if !allowed.get(owner).is_some_and(|allowed| allowed.contains(room)) {
                faults.push(format!("{} uses {}", module.join("::"), other.join("::")));
            }
        }
    }
    assert!(faults.is_empty(), "not in the table of docs/architecture.md:\n{}", faults.join("\n"));
    for (owner, allowed) in &allowed {
        let used = used.get(owner.as_str()).cloned().unwrap_or_default();
        let unused: Vec<_> = allowed.iter().filter(|room| !used.contains(room.as_str())).collect();
        assert!(unused.is_empty(), "docs/architecture.md: {owner} does not use {unused:?}");
    }
    let rooms: BTreeSet<&String> = MODULES.keys().filter_map(|module| module.first()).collect();
    assert_eq!(rooms, allowed.keys().collect(), "the table has a row for each directory");
}

#[test]
fn rooms_of_a_restore_use_only_those_below() {
    let rows = table("| room | owns");
    let row_of = |room: &str| rows.iter().position(|cells| cells[0].contains(room));
    let mut used = 0;
    for (module, others) in MODULES.iter() {
        let [restore, room, ..] = &module[..] else { continue };
        if restore != "restore" {
            continue;
        }
        let row = row_of(room).unwrap_or_else(|| panic!("{room} is not in the table"));
        for other in others.iter().filter(|other| other.len() > 1 && other[0] == "restore") {
            let below = row_of(&other[1]).unwrap();
            let is_apart = room == "stream" && other[1] == "session";
            assert!(row <= below && !is_apart, "{} uses {}", module.join("::"), other.join("::"));
            used += usize::from(row < below);
        }
    }
    assert!(rows.len() > 5 && used > 100, "{} rooms, {used} uses", rows.len());
}

#[test]
fn no_circle_of_files_is_larger_than_the_limit() {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        MODULES.keys().map(|module| (module, reachable(module, &MODULES))).collect();
    for module in MODULES.keys() {
        let circle: Vec<String> = reached[module]
            .iter()
            .filter(|other| reached[*other].contains(module))
            .map(|other| other.join("::"))
            .collect();
        assert!(
            circle.len() <= LARGEST_CIRCLE,
            "{} files that use each other: {}",
            circle.len(),
            circle.join(", ")
        );
    }
}

/// The modules that a module uses, directly or through others.
fn reachable<'a>(
    from: &Module,
    modules: &'a BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = modules[from].iter().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(&modules[module]);
        }
    }
    reached
}

#[test]
fn paths_named_by_the_documents_exist() {
    let root = repository();
    let documents = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let documents = documents.chain(["README.md", "SECURITY.md"].map(|name| root.join(name)));
    let mut paths = 0;
    for document in documents.filter(|path| path.extension().is_some_and(|kind| kind == "md")) {
        let text = fs::read_to_string(&document).unwrap();
        for path in text.split('`').skip(1).step_by(2) {
            if ["src/", "tests/", "sql/", "benches/"].iter().any(|folder| path.starts_with(folder))
            {
                // PostgreSQL's own sources have the same folder.
                let is_postgresql_s =
                    path.starts_with("src/bin/") || path.starts_with("src/backend");
                assert!(
                    is_postgresql_s || root.join(path).exists(),
                    "{}: {path} does not exist",
                    document.display()
                );
                paths += 1;
            }
        }
    }
    assert!(paths > 50, "{paths} paths");
}
