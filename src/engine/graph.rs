//! What can be reached from where: loops, and which joins belong to which fork.

/// Reachability over the steps of one version, by one edge or more.
#[derive(Debug)]
pub(super) struct Graph {
    reach: Vec<Vec<u64>>,
}

impl Graph {
    /// `edges[i]` are the steps that step `i` can lead to.
    pub(super) fn new(edges: &[Vec<u32>]) -> Self {
        let words = edges.len().div_ceil(64);
        let reach = (0..edges.len()).map(|from| {
            let mut seen = vec![0u64; words];
            let mut open: Vec<u32> = edges[from].clone();
            while let Some(step) = open.pop() {
                let (word, bit) = (step as usize / 64, 1u64 << (step % 64));
                if seen[word] & bit == 0 {
                    seen[word] |= bit;
                    open.extend(&edges[step as usize]);
                }
            }
            seen
        });
        Self {
            reach: reach.collect(),
        }
    }

    /// Whether a way of at least one edge leads from one step to the other.
    pub(super) fn leads(&self, from: u32, to: u32) -> bool {
        self.reach[from as usize][to as usize / 64] & (1 << (to % 64)) != 0
    }

    /// Whether a branch that stands at `from` can come to stand at `to`.
    pub(super) fn comes_to(&self, from: u32, to: u32) -> bool {
        from == to || self.leads(from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_and_ways() {
        let graph = Graph::new(&[vec![1, 2], vec![3], vec![3], vec![1], vec![]]);
        assert!(graph.leads(0, 3) && graph.leads(1, 1) && graph.leads(3, 3) && graph.leads(2, 1));
        assert!(!graph.leads(0, 0) && !graph.leads(0, 4) && !graph.leads(1, 2));
        assert!(graph.comes_to(4, 4) && !graph.leads(4, 4));
    }
}
