//! The graph of the steps: what is never reached, what runs round, where branches of a fork meet.

use std::collections::BTreeSet;

/// One list along which a branch can go on; several arms fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Step indexes, each once.
    pub arms: Vec<usize>,
}

/// The graph of one definition.
#[derive(Debug, Default)]
pub struct Flow {
    /// The ways that lead on from each step; a branch takes one of them.
    pub ways: Vec<Vec<Way>>,
    /// Steps where a branch stands still or goes outside.
    pub stops: Vec<bool>,
    /// Steps with a `join`.
    pub joins: Vec<bool>,
    /// Where executions begin: the start, and the steps that goals go to.
    pub roots: Vec<usize>,
}

/// A step where branches of a fork meet unawares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// The step.
    pub step: usize,
    /// The step that forks.
    pub fork: usize,
}

impl Flow {
    fn next(&self, step: usize) -> impl Iterator<Item = usize> + '_ {
        self.ways[step]
            .iter()
            .flat_map(|way| way.arms.iter().copied())
    }

    /// Each step's successors, each once.
    fn edges(&self) -> Vec<Vec<usize>> {
        let once = |step| self.next(step).collect::<BTreeSet<usize>>();
        (0..self.ways.len())
            .map(|step| once(step).into_iter().collect())
            .collect()
    }

    /// Steps that no way from a root leads to, in order.
    #[must_use]
    pub fn unreachable(&self) -> Vec<usize> {
        let mut seen = vec![false; self.ways.len()];
        let mut open = self.roots.clone();
        while let Some(step) = open.pop() {
            if !std::mem::replace(&mut seen[step], true) {
                open.extend(self.next(step));
            }
        }
        (0..seen.len()).filter(|step| !seen[*step]).collect()
    }

    /// Cycles in which no step stops: the members of each, in order; each step is in one at most.
    #[must_use]
    pub fn spinning(&self) -> Vec<Vec<usize>> {
        let edges = self.edges();
        let moving = |from: usize| {
            let mut seen = vec![false; edges.len()];
            let mut open: Vec<usize> = edges[from].clone();
            while let Some(step) = open.pop() {
                if !self.stops[step] && !std::mem::replace(&mut seen[step], true) {
                    open.extend(&edges[step]);
                }
            }
            seen
        };
        let reach: Vec<Vec<bool>> = (0..edges.len())
            .map(|step| {
                if self.stops[step] {
                    vec![false; edges.len()]
                } else {
                    moving(step)
                }
            })
            .collect();
        let mut found: Vec<Vec<usize>> = Vec::new();
        let mut told = vec![false; edges.len()];
        for step in 0..edges.len() {
            if reach[step][step] && !told[step] {
                let members: Vec<usize> = (step..edges.len())
                    .filter(|&s| reach[step][s] && reach[s][step])
                    .collect();
                members.iter().for_each(|member| told[*member] = true);
                found.push(members);
            }
        }
        found
    }

    /// `[a][b]`: a way leads from `a` to `b`, over one step at least.
    #[must_use]
    pub fn leads(&self) -> Vec<Vec<bool>> {
        let edges = self.edges();
        let from = |step: usize| {
            let mut seen = vec![false; edges.len()];
            let mut open: Vec<usize> = edges[step].clone();
            while let Some(step) = open.pop() {
                if !std::mem::replace(&mut seen[step], true) {
                    open.extend(edges[step].iter().filter(|next| !seen[**next]));
                }
            }
            seen
        };
        (0..edges.len()).map(from).collect()
    }

    /// Cycles that a branch which has come into them never leaves, whichever way it takes: the members of
    /// each, in order. (A step without any way on is the caller's to judge.)
    #[must_use]
    pub fn closed(&self) -> Vec<Vec<usize>> {
        let leads = self.leads();
        let mut found = Vec::new();
        let mut told = vec![false; leads.len()];
        for step in 0..leads.len() {
            if !leads[step][step] || told[step] {
                continue;
            }
            let within = |other: usize| leads[step][other] && leads[other][step];
            let members: Vec<usize> = (step..leads.len()).filter(|s| within(*s)).collect();
            members.iter().for_each(|member| told[*member] = true);
            let stays = |way: &Way| way.arms.iter().any(|arm| within(*arm));
            if members
                .iter()
                .all(|member| self.ways[*member].iter().all(stays))
            {
                found.push(members);
            }
        }
        found
    }

    /// Where branches of one fork meet without a `join`, and the joins that no fork leads to.
    #[must_use]
    pub fn forks(&self) -> (Vec<Meeting>, Vec<usize>) {
        let edges = self.edges();
        let mut meetings: Vec<Meeting> = Vec::new();
        let mut lonely = self.joins.clone();
        for (fork, ways) in self.ways.iter().enumerate() {
            for way in ways.iter().filter(|way| way.arms.len() > 1) {
                // First without stopping at joins, to see which of them belong to this fork at all: a
                // join that only one arm comes to is part of that arm.
                let free = self.shared(&edges, fork, way, &vec![false; edges.len()]);
                let own: Vec<bool> = (0..edges.len())
                    .map(|step| self.joins[step] && free[step])
                    .collect();
                for (step, own) in own.iter().enumerate() {
                    lonely[step] &= !own;
                }
                let shared = self.shared(&edges, fork, way, &own);
                for step in (0..edges.len()).filter(|s| shared[*s] && !self.joins[*s]) {
                    if meetings.iter().any(|meeting| meeting.step == step) {
                        continue;
                    }
                    // Behind a meeting everything is shared; only where it begins is worth a word.
                    let enters = |before: usize| {
                        !shared[before]
                            && before != fork
                            && edges[before].binary_search(&step).is_ok()
                    };
                    if way.arms.contains(&step) || (0..edges.len()).any(enters) {
                        meetings.push(Meeting { step, fork });
                    }
                }
            }
        }
        meetings.sort_by_key(|meeting| meeting.step);
        (
            meetings,
            (0..lonely.len()).filter(|step| lonely[*step]).collect(),
        )
    }

    /// Steps that two or more arms of the way can come to, not going through the fork again, and not
    /// beyond `ends`. Each step keeps at most two arms that come to it, so this is linear in the edges.
    fn shared(&self, edges: &[Vec<usize>], fork: usize, way: &Way, ends: &[bool]) -> Vec<bool> {
        let mut labels: Vec<[Option<usize>; 2]> = vec![[None; 2]; edges.len()];
        let mut open: Vec<(usize, usize)> = way
            .arms
            .iter()
            .enumerate()
            .map(|(arm, step)| (*step, arm))
            .collect();
        while let Some((step, arm)) = open.pop() {
            if step == fork {
                continue;
            }
            let slot = match labels[step] {
                [None, _] => 0,
                [Some(first), None] if first != arm => 1,
                _ => continue,
            };
            labels[step][slot] = Some(arm);
            if !ends[step] {
                let news =
                    |next: &usize| labels[*next][1].is_none() && labels[*next][0] != Some(arm);
                open.extend(
                    edges[step]
                        .iter()
                        .filter(|next| news(next))
                        .map(|next| (*next, arm)),
                );
            }
        }
        labels.iter().map(|label| label[1].is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ways[step]` are lists; `stops`, `joins` are step numbers.
    fn flow(ways: &[&[&[usize]]], stops: &[usize], joins: &[usize]) -> Flow {
        let flags = |set: &[usize]| (0..ways.len()).map(|step| set.contains(&step)).collect();
        Flow {
            ways: ways
                .iter()
                .map(|lists| {
                    lists
                        .iter()
                        .map(|arms| Way {
                            arms: arms.to_vec(),
                        })
                        .collect()
                })
                .collect(),
            stops: flags(stops),
            joins: flags(joins),
            roots: vec![0],
        }
    }

    #[test]
    fn reachability_and_cycles() {
        let graph = flow(
            &[&[&[1]], &[&[2], &[3]], &[&[1]], &[], &[&[5]], &[&[4]]],
            &[],
            &[],
        );
        assert_eq!(graph.unreachable(), [4, 5]);
        assert_eq!(graph.spinning(), [vec![1, 2], vec![4, 5]]);
        let waits = flow(
            &[&[&[1]], &[&[2], &[3]], &[&[1]], &[], &[&[4]], &[]],
            &[2],
            &[],
        );
        assert_eq!(waits.spinning(), [vec![4]]);
    }

    #[test]
    fn cycles_that_nobody_leaves() {
        // 1 and 2 go round; 0 leads in.
        let closed = flow(&[&[&[1]], &[&[2]], &[&[1]]], &[1], &[]);
        assert_eq!(closed.closed(), [vec![1, 2]]);
        // Of a fork one arm stays.
        let forks = flow(&[&[&[1]], &[&[0, 2]], &[]], &[], &[]);
        assert_eq!(forks.closed(), [vec![0, 1]]);
        // Another way leads out, or ends.
        for ways in [&[&[2][..]][..], &[&[][..]][..]] {
            let left = flow(&[&[&[1]], &[&[0], ways[0]], &[]], &[], &[]);
            assert!(left.closed().is_empty());
        }
        assert_eq!(closed.leads()[0], [false, true, true]);
    }

    /// (ways, joins, steps where branches meet unawares, joins without a fork)
    #[test]
    fn meetings() {
        type Row<'a> = (
            &'a [&'a [&'a [usize]]],
            &'a [usize],
            &'a [usize],
            &'a [usize],
        );
        let rows: &[Row<'_>] = &[
            // a diamond; what lies behind the meeting is not told again
            (
                &[&[&[1, 2]], &[&[3]], &[&[3]], &[&[4]], &[]],
                &[],
                &[3],
                &[],
            ),
            (
                &[&[&[1, 2]], &[&[3]], &[&[3]], &[&[4]], &[]],
                &[3],
                &[],
                &[],
            ),
            // alternatives are no fork
            (&[&[&[1], &[2]], &[&[3]], &[&[3]], &[]], &[], &[], &[]),
            (&[&[&[1], &[2]], &[&[3]], &[&[3]], &[]], &[3], &[], &[3]),
            // an arm of the fork is where the other one comes to
            (&[&[&[1, 2]], &[&[2]], &[]], &[], &[2], &[]),
            // an inner fork with its join inside one arm of an outer one
            (
                &[
                    &[&[1, 5]],
                    &[&[2, 3]],
                    &[&[4]],
                    &[&[4]],
                    &[&[6]],
                    &[&[6]],
                    &[],
                ],
                &[4],
                &[6],
                &[],
            ),
            (
                &[
                    &[&[1, 5]],
                    &[&[2, 3]],
                    &[&[4]],
                    &[&[4]],
                    &[&[6]],
                    &[&[6]],
                    &[],
                ],
                &[4, 6],
                &[],
                &[],
            ),
            // back through the fork itself is a new visit
            (&[&[&[1, 2]], &[&[0]], &[]], &[], &[], &[]),
            // a cycle behind the meeting
            (
                &[&[&[1, 2]], &[&[3]], &[&[3]], &[&[4]], &[&[3]]],
                &[],
                &[3],
                &[],
            ),
        ];
        for (ways, joins, meet, lonely) in rows {
            let (meetings, alone) = flow(ways, &[], joins).forks();
            let steps: Vec<_> = meetings.iter().map(|meeting| meeting.step).collect();
            assert_eq!((&*steps, &*alone), (*meet, *lonely), "{ways:?} {joins:?}");
        }
    }
}
