//! Receipts that claim something else than they prove: no verifier may accept one.

/// Forms of `receipt` that differ from it in its place in the tree alone: another hash somewhere
/// on the path, a path that is one hash short, another index.
pub fn places(receipt: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let lines: Vec<&str> = receipt.split('\n').collect();
    let Some(index) = lines.iter().position(|line| line.starts_with("index ")) else {
        return forms;
    };
    let changed = |at: usize, line: Option<String>| {
        let mut lines: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
        match line {
            Some(line) => lines[at] = line,
            None => {
                lines.remove(at);
            }
        }
        lines.join("\n")
    };
    let path = lines[index + 1..]
        .iter()
        .take_while(|line| !line.is_empty());
    let hashes = path.count();
    let Ok(number) = lines[index]["index ".len()..].parse::<usize>() else {
        return forms;
    };
    if hashes > 0 {
        // Each receipt has its own, so that many receipts try every place.
        let at = index + 1 + number % hashes;
        forms.push(changed(at, Some(another_hash(lines[at]))));
        forms.push(changed(index + hashes, None));
    }
    forms.push(changed(index, Some(format!("index {}", number ^ 1))));
    forms
}

/// A base64 line whose first byte differs.
fn another_hash(line: &str) -> String {
    let first = if line.starts_with('A') { 'B' } else { 'A' };
    let rest: String = line.chars().skip(1).collect();
    format!("{first}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_differs_in_one_line() {
        let receipt = "c2sp.org/tlog-proof@v1\nextra x\nindex 4\nAbc=\nBcd=\n\norigin\n9\n";
        let forms = places(receipt);
        assert_eq!(forms.len(), 3);
        assert!(forms[0].contains("index 4\nBbc=\nBcd=\n\norigin"));
        assert!(forms[1].contains("index 4\nAbc=\n\norigin"));
        assert!(forms[2].contains("index 5\nAbc=\nBcd=\n\norigin"));
        assert!(places("nothing").is_empty());
    }
}
