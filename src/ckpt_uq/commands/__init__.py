"""The commands of ``ckpt-uq``, one file each: parse, call the library, print.

========= ==================================================================================
exit code meaning
========= ==================================================================================
0         all is well
1         an error stopped the command; its message names the remedy
2         the command was used wrongly; ``--help`` says how
3         some cases failed, and are named; all others are done
130       interrupted; the same command goes on where it was
========= ==================================================================================
"""
