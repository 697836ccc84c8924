import sys, time
from tests.simulation.simulation import Scenario, simulate
def main(argv):
    n=int(argv[0]); s=int(argv[1]) if len(argv)>1 else 0
    t=time.time(); bad=0
    from collections import Counter
    laws=Counter(); ex={}
    for seed in range(s,s+n):
        r=simulate(Scenario.of(seed))
        if r.broken:
            bad+=1; laws[r.law]+=1; ex.setdefault(r.law,[]).append((seed,r.broken[0]))
        if n==1:
            print("\n".join(r.trace)); print(r.broken); print(r.scenario.faults)
    for law,c in laws.most_common():
        print(law,c)
        for e in ex[law][:4]: print("   ",e)
    dt=time.time()-t
    print(n,"seeds",bad,"bad",f"{n/dt*60:.0f}/min")
